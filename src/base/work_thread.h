// A thread that does what may block, in order: file systems, starting of containers.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/unique_function.h"

namespace wasabi {

class WorkThread {
 public:
  WorkThread() : thread_([this] { run(); }) {}
  // Does what was asked for before.
  ~WorkThread() {
    post({});
    thread_.join();
  }
  WorkThread(const WorkThread&) = delete;
  WorkThread& operator=(const WorkThread&) = delete;

  // Thread-safe.
  void post(UniqueFunction<void()> work) {
    const std::scoped_lock lock(mutex_);
    queue_.push_back(std::move(work));
    filled_.notify_one();
  }

 private:
  void run() {
    while (true) {
      std::vector<UniqueFunction<void()>> work;
      {
        std::unique_lock lock(mutex_);
        filled_.wait(lock, [&] { return !queue_.empty(); });
        work.swap(queue_);
      }
      for (auto& piece : work) {
        if (!piece) return;
        piece();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable filled_;
  std::vector<UniqueFunction<void()>> queue_;
  std::thread thread_;
};

}  // namespace wasabi
