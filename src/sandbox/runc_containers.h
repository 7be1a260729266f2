// Containers of functions by an OCI runtime (runc, crun): as superpods' containers (runc_backend.h), but with an
// image's files, of which each has a copy of its own in memory, with users of their own in a user namespace, and with a
// network of their own.
//
// The runtime is the first process of its network namespace, its mounts and its process namespace: what is in them goes
// with it, and it goes with the server.
#pragma once

#include <memory>
#include <string>

#include "sandbox/container_runner.h"
#include "sandbox/spawn.h"

namespace wasabi::sandbox {

class OciRuntime;

struct RuncContainersConfig {
  std::string runtime;    // absolute path of the OCI runtime
  std::string directory;  // absolute, in memory since secrets lie there; of this object alone
};

class RuncContainers final : public ContainerRunner {
 public:
  // Removes what an earlier one left in that directory and starts a container for a trial. An error says what the
  // machine cannot do. Blocks.
  static Result<std::unique_ptr<RuncContainers>> create(const RuncContainersConfig& config);
  ~RuncContainers() override;

  std::string_view name() const override { return name_; }
  std::uint32_t firstUser() const override { return first_user_; }
  Result<std::unique_ptr<Container>> start(const ContainerSpec& spec, SandboxEvents events) override;

 private:
  class Running;
  RuncContainers(std::shared_ptr<OciRuntime> runtime, std::string place);
  Result<Command> commandFor(const ContainerSpec& spec) const;
  Result<void> tryOut(const std::string& root);

  const std::shared_ptr<OciRuntime> runtime_;
  const std::string place_;  // hidden in each container's mounts by its files
  std::string name_;
  std::uint32_t first_user_;
};

}  // namespace wasabi::sandbox
