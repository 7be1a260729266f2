// The builder's own process.
#pragma once

#include "base/file_descriptor.h"
#include "catalog/builder.h"

namespace wasabi::catalog {

// Serves build requests from `channel` until its other end is closed. Only in a process with one thread, forked for
// this; it is to end with the returned exit code.
int runBuilder(const BuilderConfig& config, FileDescriptor channel);

}  // namespace wasabi::catalog
