// Runs one program to its end, under limits.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/units.h"

namespace wasabi::catalog {

struct ChildLimits {
  Duration wall;
  Duration cpu;        // rounded up to whole seconds
  ByteSize file_size;  // of what it writes
  int niceness = 0;
};

struct ChildOutcome {
  int wait_status = 0;  // as of waitpid
  bool timed_out = false;
  Duration cpu{};
  std::string errors;  // the first 4 KiB of its standard error
};

// Runs `arguments[0]` (a path) with the rest as its arguments, a nearly empty environment and no descriptors but its
// standard ones. It and what it starts in its process group are gone when this returns, and it dies with the caller.
// Only in a process with one thread.
Result<ChildOutcome> runChild(const std::vector<std::string>& arguments, int standard_input, int standard_output,
                              const ChildLimits& limits);

// Makes the calling process, a new child of `parent`, die with it; ends it at once if that is gone already.
void dieWith(int parent);

// Closes every descriptor from `first` on.
void closeFrom(int first);

}  // namespace wasabi::catalog
