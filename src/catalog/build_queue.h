// What is to be built: requested modules before background ones, each in the order they came.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "catalog/builder_protocol.h"

namespace wasabi::catalog {

class BuildQueue {
 public:
  explicit BuildQueue(std::size_t limit) : limit_(limit) {}

  bool isFull() const { return size() >= limit_; }
  std::size_t size() const { return requested_.size() + background_.size(); }

  void push(BuildRequest request);
  // Whoever waits in the background under this id is wanted now.
  void promote(std::uint64_t id);
  std::optional<BuildRequest> pop(bool background_too);

 private:
  std::size_t limit_;
  std::deque<BuildRequest> requested_;
  std::deque<BuildRequest> background_;
};

}  // namespace wasabi::catalog
