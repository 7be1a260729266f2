// Runs the loop of a test until something has come true.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include "http/event_loop.h"

namespace wasabi::node {

// False if it does not within `most`. `after_turn`: what else the thread of such a loop does.
inline bool runUntil(
    http::EventLoop& loop, const std::function<bool()>& condition, const std::function<void()>& after_turn = [] {},
    Duration most = std::chrono::seconds(20)) {
  const TimePoint end = Clock::now() + most;
  while (!condition()) {
    if (Clock::now() > end) return false;
    if (loop.runReady() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    after_turn();
  }
  return true;
}

}  // namespace wasabi::node
