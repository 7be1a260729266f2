// What the tests of the backends share.
#pragma once

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "sandbox/backend.h"

namespace wasabi::sandbox {

inline constexpr auto kPatience = std::chrono::seconds(20);

// What a sandbox told, for the test's thread.
class Heard {
 public:
  SandboxEvents events() {
    return {[this](std::string_view line) {
              const std::scoped_lock lock(mutex_);
              lines_.emplace_back(line);
              changed_.notify_all();
            },
            [this](const Exit& exit) {
              const std::scoped_lock lock(mutex_);
              exit_ = exit;
              changed_.notify_all();
            }};
  }
  bool waitForLine(const std::string& line) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience,
                             [&] { return std::find(lines_.begin(), lines_.end(), line) != lines_.end(); });
  }
  std::optional<Exit> waitForExit() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return exit_.has_value(); });
    return exit_;
  }
  bool ended() {
    const std::scoped_lock lock(mutex_);
    return exit_.has_value();
  }
  std::vector<std::string> lines() {
    const std::scoped_lock lock(mutex_);
    return lines_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
  std::optional<Exit> exit_;
};

inline bool isAlive(pid_t pid) {
  return ::kill(pid, 0) == 0;
}

inline bool dies(pid_t pid) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (isAlive(pid)) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace wasabi::sandbox
