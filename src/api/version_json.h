// A version as the API shows it.
#pragma once

#include "api/call.h"
#include "api/json.h"

namespace wasabi::api {

Json versionJson(const platform::FunctionRecord& function, const platform::VersionEntry& entry, const Call& call);

}  // namespace wasabi::api
