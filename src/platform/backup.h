// A copy of a data directory that is being used. Private to platform.cc.
#pragma once

#include <string>

#include "platform/platform.h"

namespace wasabi::platform {

// `from` is the data directory of `records`. Nothing is collected meanwhile.
Result<BackupReport> backUp(const std::string& from, Records& records, const RecordsConfig& config,
                            const std::string& to);

}  // namespace wasabi::platform
