// Numbers of targets at the desk, for all that make targets: number 0 is the API's. Lives on the control loop.
#pragma once

#include <cstdint>
#include <vector>

#include "policy/dispatch.h"

namespace wasabi::node {

class TargetNumbers {
 public:
  policy::TargetId take() {
    if (free_.empty()) return {++last_};
    const policy::TargetId free = free_.back();
    free_.pop_back();
    return free;
  }
  // It was never a target, or is closed and drained.
  void giveBack(policy::TargetId number) { free_.push_back(number); }

 private:
  std::vector<policy::TargetId> free_;
  std::uint32_t last_ = 0;
};

}  // namespace wasabi::node
