// Superpods as plain child processes: walls are what the box builds around itself (Landlock, seccomp, no new
// privileges), and that it has no descriptor, environment or parent's rights beyond what it was given.
//
// Children die with the server, however that ends: each is told by the kernel (PR_SET_PDEATHSIG) when the thread that
// made it is gone, and that thread lives as long as the backend.
#pragma once

#include <memory>

#include "sandbox/backend.h"
#include "sandbox/spawn.h"

namespace wasabi::sandbox {

class ProcessBackend final : public Backend {
 public:
  // kExhausted: no descriptor is left for its thread.
  static Result<std::unique_ptr<ProcessBackend>> create();
  ~ProcessBackend() override;

  std::string_view name() const override { return "process, without control groups"; }
  Result<std::unique_ptr<Sandbox>> start(const SuperpodSpec& spec, SandboxEvents events) override;
  // The same for any program.
  Result<std::unique_ptr<Sandbox>> run(Command command, SandboxEvents events);

 private:
  class Keeper;
  class Child;
  explicit ProcessBackend(std::shared_ptr<Keeper> keeper);
  std::shared_ptr<Keeper> keeper_;
};

}  // namespace wasabi::sandbox
