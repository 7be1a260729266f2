// Starts one program as a child of the calling thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/units.h"

namespace wasabi::sandbox {

// A folder that can be written without being changed: what is new in it lies in memory. It is mounted in the process's
// own mount namespace before the program begins, so it goes with it.
struct WritableCopy {
  std::string of;                 // absolute
  std::string at;                 // a folder of the machine that it hides; the copy is its "root"
  std::uint32_t first_owner = 0;  // user and group of the copy's own folder
  ByteSize most;                  // of what is new in it
};

struct Command {
  std::vector<std::string> words;  // the program's path first
  // The first process of a process namespace of its own: the kernel ends all that it has made, whatever that is, with
  // it. Its mounts are its own too. Only root may.
  bool apart = false;
  // Standard error has a pipe of its own: for one that copies what others write, in pieces that may end within a line.
  bool two_streams = false;
  // With `apart`: a network of its own, with a loopback and nothing else, on which any user may take any port.
  bool own_network = false;
  std::optional<WritableCopy> copy = {};  // with `apart`
};

struct Spawned {
  pid_t pid = 0;
  FileDescriptor process;  // a pidfd
  FileDescriptor output;   // its standard output, and its standard error if that has none; reading does not block
  FileDescriptor errors;
};

// The child is in a process group of its own, dies with the calling thread, gains no privileges by what it executes,
// and has neither environment nor descriptors but /dev/null, `output` and `errors`. An error names what is in the way,
// a program that cannot be executed included.
Result<Spawned> spawn(const Command& command);

}  // namespace wasabi::sandbox
