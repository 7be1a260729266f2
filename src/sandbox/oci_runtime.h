// An OCI runtime and what is on disk for its containers: bundles, the runtime's state, control groups. What a container
// is, its config.json says; who starts one brings that text.
//
//   <directory>/bundles/<name>/config.json    with the container
//   <directory>/state/<name>/                 the runtime's
//
// Private to this layer. Thread-safe. Outlives its containers.
#pragma once

#include <memory>
#include <string>

#include "sandbox/backend.h"
#include "sandbox/process_backend.h"

namespace wasabi::sandbox {

class OciRuntime : public std::enable_shared_from_this<OciRuntime> {
 public:
  // Removes what an earlier one left in `directory`: nothing of it runs, all ended with the server whose it was.
  // `runtime`: the absolute path of the program. Blocks.
  static Result<std::shared_ptr<OciRuntime>> open(std::string runtime, std::string directory);

  const std::string& directory() const { return directory_; }
  // The program's file name: "runc".
  std::string name() const;
  // Of the control group of a container, beneath the one that the server is in.
  std::string groupName(const std::string& container) const { return group_prefix_ + "-" + container; }
  ProcessBackend& processes() const { return *processes_; }

  // How the container is run that `config` describes; that text is written down.
  Result<Command> commandFor(const std::string& container, const std::string& config) const;
  // Runs it in the walls that its config says. As Backend::start has it.
  Result<std::unique_ptr<Sandbox>> start(const std::string& container, Command command, SandboxEvents events);
  // Runs it to its end and removes it; what it wrote.
  Result<std::string> runToItsEnd(const std::string& container, Command command) const;

 private:
  class Container;
  OciRuntime(std::string runtime, std::string directory, std::unique_ptr<ProcessBackend> processes);
  std::string state() const { return directory_ + "/state"; }
  std::string bundle(const std::string& container) const { return directory_ + "/bundles/" + container; }
  Result<void> prepare();
  Result<void> remove(const std::string& container) const;

  const std::string runtime_;
  const std::string directory_;
  const std::unique_ptr<ProcessBackend> processes_;
  const std::string group_prefix_;
  bool keeps_ = false;  // the runtime's --keep
};

// Makes the folder, for this user alone.
Result<void> makePrivateFolder(const std::string& path);

}  // namespace wasabi::sandbox
