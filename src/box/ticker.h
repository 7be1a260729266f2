// The heartbeat that lets the engine interrupt guests. It beats only while guests run: an idle box is silent.
#pragma once

#include <atomic>
#include <cstddef>
#include <latch>
#include <memory>
#include <thread>

#include "base/unique_function.h"
#include "base/units.h"

namespace wasabi::box {

class Ticker {
 public:
  // `tick` is called on the ticker's thread every `period` while a guest runs, and for a little while after. What its
  // thread asks of the kernel has been asked when this returns, so that the process may be locked in.
  Ticker(std::size_t workers, Duration period, UniqueFunction<void()> tick);
  ~Ticker();
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  // A worker brackets every slice by these two. Lock-free; a system call only when the ticker sleeps.
  void sliceBegins(std::size_t worker);
  void sliceEnds(std::size_t worker);

 private:
  // One cache line per worker, so that workers do not slow each other down.
  struct alignas(64) Slot {
    std::atomic<bool> in_slice{false};
    std::atomic<bool> ran{false};  // since the ticker looked last
  };

  void run(Duration period);
  bool anyRan();
  bool anyInSlice() const;

  std::unique_ptr<Slot[]> slots_;
  std::size_t slot_count_;
  UniqueFunction<void()> tick_;
  std::atomic<bool> asleep_{false};
  std::atomic<bool> stopping_{false};
  std::latch set_up_{1};
  std::thread thread_;
};

}  // namespace wasabi::box
