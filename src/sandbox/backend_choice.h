// Which backend this machine can have.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/log.h"
#include "sandbox/backend.h"
#include "sandbox/container_runner.h"

namespace wasabi::sandbox {

struct BackendConfig {
  // "auto": the best that works; "process"; or an OCI runtime: "runc", "crun", an absolute path.
  std::string wanted = "auto";
  std::string search_path;  // where OCI runtimes are looked for, as $PATH
  std::string directory;    // absolute; of the backend alone, the same at each start
  std::string program;      // wasabi-box, absolute
};

// Each is tried out by running the program in it. With "auto", what is in the way of a better one is logged; else it is
// the error. kInvalid: no such backend. Blocks.
Result<std::unique_ptr<Backend>> chooseBackend(const BackendConfig& config, Logger& log);

struct ContainersConfig {
  // "auto": the first OCI runtime that works; "runc", "crun", an absolute path; or "none".
  std::string wanted = "auto";
  std::string search_path;
  std::string directory;  // absolute, in memory, of the containers alone, the same at each start
};

// What runs containers of functions, tried out; the error says why there is none, and the mend. Blocks.
Result<std::unique_ptr<ContainerRunner>> chooseContainers(const ContainersConfig& config);

// The absolute path of a program on a search path; empty where there is none.
std::string findProgram(std::string_view name, std::string_view search_path);

}  // namespace wasabi::sandbox
