// How many requests may have their bodies kept at once, so that they can be sent again; of all workers. Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>

namespace wasabi::node {

class ReplayBudget {
 public:
  explicit ReplayBudget(std::size_t places) : free_(static_cast<std::ptrdiff_t>(places)) {}

  // False when none is left; else give it back once.
  bool take() {
    if (free_.fetch_sub(1, std::memory_order_relaxed) > 0) return true;
    giveBack();
    return false;
  }
  void giveBack() { free_.fetch_add(1, std::memory_order_relaxed); }
  std::ptrdiff_t left() const { return free_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::ptrdiff_t> free_;
};

}  // namespace wasabi::node
