// Superpods as containers of an OCI runtime (runc, crun): namespaces, control groups, a read-only root file system,
// no capabilities, a filter of system calls, beside the walls that the box builds around itself.
//
// The runtime stays as the parent of its container, as the first process of a process namespace: the kernel ends all of
// it when the runtime dies, and the runtime when the server does, however that ends. What is left then is on disk and
// in the control groups' tree; the next create() with that directory removes it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sandbox/backend.h"
#include "sandbox/process_backend.h"

namespace wasabi::sandbox {

struct RuncConfig {
  std::string runtime;    // absolute path of the OCI runtime
  std::string directory;  // absolute; of this backend alone: root file system, containers' configs, the runtime's state
  std::string program;    // wasabi-box, absolute; the only one that superpods can be of
  std::vector<std::string> trial = {"--version"};  // its arguments for a trial run, which must end with 0
};

class RuncBackend final : public Backend {
 public:
  // Removes what an earlier one left in that directory, makes the root file system and runs the program in it once. An
  // error says what the machine cannot do. Blocks for as long as that takes, bounded by a minute for each step.
  static Result<std::unique_ptr<RuncBackend>> create(RuncConfig config);
  ~RuncBackend() override;

  // The runtime's file name, and what it has not: "runc", "runc, without user namespaces".
  std::string_view name() const override { return name_; }
  // `spec.program` must be the config's.
  Result<std::unique_ptr<Sandbox>> start(const SuperpodSpec& spec, SandboxEvents events) override;

 private:
  class Containers;
  explicit RuncBackend(std::unique_ptr<Containers> containers);
  std::unique_ptr<Containers> containers_;
  std::string name_;
};

}  // namespace wasabi::sandbox
