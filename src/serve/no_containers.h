// What runs containers where none can be run.
#pragma once

#include <string>
#include <utility>

#include "node/container_runner.h"

namespace wasabi::serve {

class NoContainers final : public node::ContainerRunner {
 public:
  // `why`, and how to mend it.
  explicit NoContainers(std::string why) : why_(std::move(why)) {}
  Result<std::unique_ptr<node::Container>> start(const node::ContainerSpec&, sandbox::SandboxEvents) override {
    return fail(ErrorCode::kUnavailable, "this server runs no containers: " + why_);
  }

 private:
  const std::string why_;
};

}  // namespace wasabi::serve
