// Tells when somebody wants to write a file that this process holds (catalog/held_file.h).
#pragma once

#include <atomic>
#include <thread>

#include "base/unique_function.h"

namespace wasabi::box {

class LeaseWatch {
 public:
  // Keeps the kernel's signal (SIGIO) from ending the process. Call before any thread exists: they inherit it.
  static void blockSignal();

  // `on_wanted` runs on the watch's own thread; which file it is, its holders know. Signals that come together are one.
  explicit LeaseWatch(UniqueFunction<void()> on_wanted);
  ~LeaseWatch();
  LeaseWatch(const LeaseWatch&) = delete;
  LeaseWatch& operator=(const LeaseWatch&) = delete;

 private:
  void run();

  UniqueFunction<void()> on_wanted_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace wasabi::box
