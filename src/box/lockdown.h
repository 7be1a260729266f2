// The box locks itself in once it has opened what it needs (design section 11): whoever escapes from a guest finds a
// process that can neither execute nor open anything, and holds no capability.
//
// Landlock and capabilities belong to threads, so confineProcess() runs before the first thread is made; the system
// call filter reaches all threads and comes last, once everything is set up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace wasabi::box {

struct FileAccess {
  std::vector<std::string> readable;  // directories, with all beneath, and files; what does not exist is left out
  // Directories in whose reach regular files may be made, read, written, renamed and removed, and nothing else.
  std::vector<std::string> changeable;
};

// What one wall came to; the machine may lack it.
struct WallReport {
  bool landlock = false;
  int landlock_abi = 0;
};

// No new privileges, no capabilities, and no files but those (Landlock, where the kernel has it).
Result<WallReport> confineProcess(const FileAccess& access);

// Which sockets the process may make: those of outbound calls, or none beside the ones that it accepts.
enum class NewSockets : std::uint8_t { kOutbound, kNone };

// From now on only the system calls of a running box are possible, on all threads. Others fail with EPERM; those that
// no box ever makes (exec, ptrace, mount, loading of kernel code ...) end the process.
Result<void> confineSystemCalls(NewSockets sockets);

// What name resolution and the process's own figures read.
std::vector<std::string> systemFilesOfABox();

}  // namespace wasabi::box
