// Runs a command to its end.
#pragma once

#include <string>

#include "base/error.h"
#include "base/units.h"
#include "sandbox/process_backend.h"

namespace wasabi::sandbox {

// What it wrote, without what is beyond 64 KiB. Blocks. An error carries its last line: kIo where it did not end with
// 0, kTimeout where it had to be killed after `most`.
Result<std::string> runToEnd(ProcessBackend& processes, Command command, Duration most);

}  // namespace wasabi::sandbox
