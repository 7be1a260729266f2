// What runs containers where none can be run.
#pragma once

#include <string>
#include <utility>

#include "sandbox/container_runner.h"

namespace wasabi::serve {

class NoContainers final : public sandbox::ContainerRunner {
 public:
  // `why`, and how to mend it.
  explicit NoContainers(std::string why) : why_(std::move(why)) {}
  std::string_view name() const override { return "none"; }
  std::uint32_t firstUser() const override { return 0; }
  Result<std::unique_ptr<sandbox::Container>> start(const sandbox::ContainerSpec&, sandbox::SandboxEvents) override {
    return fail(ErrorCode::kUnavailable, "this server runs no containers: " + why_);
  }

 private:
  const std::string why_;
};

}  // namespace wasabi::serve
