// Invocations of one worker that can go on computing, in the order in which they became ready.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

namespace wasabi::box {

// Names an invocation for wakers that may outlive it: a slot of the worker's table, and how often that slot was used.
using InvocationToken = std::uint64_t;

class RunQueue {
 public:
  void push(InvocationToken token) { tokens_.push_back(token); }
  std::optional<InvocationToken> pop() {
    if (tokens_.empty()) return std::nullopt;
    const InvocationToken token = tokens_.front();
    tokens_.pop_front();
    return token;
  }
  bool empty() const { return tokens_.empty(); }
  std::size_t size() const { return tokens_.size(); }

 private:
  std::deque<InvocationToken> tokens_;
};

}  // namespace wasabi::box
