// The system calls that a superpod may make: those of a box that starts and builds its own, narrower wall
// (box/lockdown) and of the runtime in its last steps. No sandbox inside of the sandbox, no kernel modules, no tracing,
// no mounts.
#pragma once

#include <nlohmann/json.hpp>

namespace wasabi::sandbox {

// As "linux.seccomp" of an OCI config has it.
nlohmann::json seccompProfile();

// What programs of containers may not call, where they may call anything else: what makes namespaces and mounts,
// traces, loads code into the kernel or has often been a way into it.
nlohmann::json seccompProfileOfContainers();

}  // namespace wasabi::sandbox
