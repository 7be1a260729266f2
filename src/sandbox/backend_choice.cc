#include "sandbox/backend_choice.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "sandbox/process_backend.h"
#include "sandbox/runc_backend.h"
#include "sandbox/runc_containers.h"

namespace wasabi::sandbox {
namespace {

constexpr std::string_view kRuntimes[] = {"runc",
                                          "crun"};  // best first: runc keeps the limits above the server's group

Result<std::unique_ptr<Backend>> makeProcesses() {
  auto made = ProcessBackend::create();
  if (!made) return fail(std::move(made.error()));
  return std::unique_ptr<Backend>(std::move(*made));
}

// Its path, if it may be used at all.
Result<std::string> findRuntime(std::string_view name, std::string_view search_path) {
  std::string runtime = name.starts_with('/') ? std::string(name) : findProgram(name, search_path);
  if (runtime.empty()) {
    return fail(ErrorCode::kNotFound, fmt::format("{0} is not on the search path; install the package {0}", name));
  }
  if (::geteuid() != 0) return fail(ErrorCode::kDenied, fmt::format("{} needs a server that runs as root", name));
  return runtime;
}

bool isRuntime(std::string_view name) {
  return name.starts_with('/') || std::find(std::begin(kRuntimes), std::end(kRuntimes), name) != std::end(kRuntimes);
}

Result<std::unique_ptr<ContainerRunner>> makeContainers(const ContainersConfig& config, std::string_view name) {
  auto runtime = findRuntime(name, config.search_path);
  if (!runtime) return fail(std::move(runtime.error()));
  auto made = RuncContainers::create({std::move(*runtime), config.directory});
  if (!made) return fail(std::move(made.error()).within(name));
  return std::unique_ptr<ContainerRunner>(std::move(*made));
}

Result<std::unique_ptr<Backend>> makeRunc(const BackendConfig& config, std::string_view name) {
  auto runtime = findRuntime(name, config.search_path);
  if (!runtime) return fail(std::move(runtime.error()));
  RuncConfig runc;
  runc.runtime = std::move(*runtime);
  runc.directory = config.directory;
  runc.program = config.program;
  auto made = RuncBackend::create(std::move(runc));
  if (!made) return fail(std::move(made.error()).within(name));
  return std::unique_ptr<Backend>(std::move(*made));
}

}  // namespace

std::string findProgram(std::string_view name, std::string_view search_path) {
  while (!search_path.empty()) {
    const std::string_view folder = search_path.substr(0, search_path.find(':'));
    search_path.remove_prefix(std::min(folder.size() + 1, search_path.size()));
    if (!folder.starts_with('/')) continue;  // what lies in the present directory is nobody's choice
    std::string path = fmt::format("{}/{}", folder, name);
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

Result<std::unique_ptr<ContainerRunner>> chooseContainers(const ContainersConfig& config) {
  if (config.wanted == "none") return fail(ErrorCode::kUnavailable, "it was started with --containers none");
  if (config.wanted != "auto") {
    if (isRuntime(config.wanted)) return makeContainers(config, config.wanted);
    return fail(ErrorCode::kInvalid, fmt::format("\"{}\" runs no containers; there are auto, none, runc, crun and the "
                                                 "absolute path of an OCI runtime",
                                                 config.wanted));
  }
  std::string why;
  for (const std::string_view runtime : kRuntimes) {
    auto made = makeContainers(config, runtime);
    if (made) return made;
    why += (why.empty() ? "" : "; ") + made.error().message();
  }
  return fail(ErrorCode::kUnavailable, std::move(why));
}

Result<std::unique_ptr<Backend>> chooseBackend(const BackendConfig& config, Logger& log) {
  if (config.wanted == "process") return makeProcesses();
  if (config.wanted != "auto") {
    if (isRuntime(config.wanted)) return makeRunc(config, config.wanted);
    return fail(
        ErrorCode::kInvalid,
        fmt::format("there is no backend \"{}\"; there are auto, process, runc, crun and the absolute path of an "
                    "OCI runtime",
                    config.wanted));
  }
  for (const std::string_view runtime : kRuntimes) {
    auto made = makeRunc(config, runtime);
    if (made) return made;
    log.warn("superpods cannot be containers", {{"runtime", runtime}, {"reason", made.error().message()}});
  }
  return makeProcesses();
}

}  // namespace wasabi::sandbox
