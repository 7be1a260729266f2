// Settings from the command line put into a manifest's text.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace wasabi::cli {

// `settings` ("NAME=VALUE") in the table [env], which is made where there is none; all else stays as it is written.
// kInvalid for what is no setting, one that the manifest has already, and a table that is not written as [env].
Result<std::string> withEnvironment(std::string manifest, const std::vector<std::string>& settings);

}  // namespace wasabi::cli
