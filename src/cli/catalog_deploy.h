// wasabi deploy --catalog.
#pragma once

#include <string>

#include "base/error.h"
#include "cli/api_client.h"
#include "cli/api_commands.h"

namespace wasabi::cli {

// Every function of a catalog folder, as a box would serve it: `command` says the rest. Tenants that are missing are
// made if the token may. All are tried; the error counts those that failed, which are told on standard error.
Result<void> deployCatalog(ApiClient& client, const std::string& directory, const DeployCommand& command,
                           Output output);

}  // namespace wasabi::cli
