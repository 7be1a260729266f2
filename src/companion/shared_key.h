// The public half of the builder's key, where the box reads it.
#pragma once

#include <string>

#include "base/error.h"

namespace wasabi::companion {

inline constexpr const char* kSharedKeyName = "builder.pub";

// Copies `<key_file>.pub`, which the builder wrote, to builder.pub in the folder `shared`.
Result<void> sharePublicKey(const std::string& key_file, const std::string& shared);

}  // namespace wasabi::companion
