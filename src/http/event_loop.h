// A thread's event loop: sockets (through the classes of this folder), timers, and callbacks posted by other threads.
//
// One thread runs a loop; everything that is built on the loop lives on that thread. Only post() may be called from
// elsewhere. The loop does not own a thread: its user drives it with runReady() and waitAndRun().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/unique_function.h"
#include "base/units.h"

namespace boost::asio {
class io_context;
}

namespace wasabi::http {

class Timer;

class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Thread-safe. Runs `work` on the loop's thread, in the order of the calls of each thread.
  void post(UniqueFunction<void()> work);

  // Runs `work` before the loop waits again. For what many calls in a row should do once, like flushing output.
  // Only on the loop's thread; unlike post() it costs no lock and no system call.
  void defer(UniqueFunction<void()> work);

  // Monotonic time, read once per callback.
  TimePoint now() const;

  // Runs what is ready now, without waiting, but never more than a bounded number of callbacks, nor for much longer
  // than half a millisecond, so that a busy network cannot keep its user from other work. Returns how many ran.
  std::size_t runReady();
  // Waits until something is ready and runs the first of it; the rest is left to the next call, which costs no
  // system call then. Returns without waiting when deferred work ran, because that may have given its user work.
  std::size_t waitAndRun();

  // The Asio side, for the .cc files of this folder.
  boost::asio::io_context& context();

 private:
  friend class Timer;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One deadline on a loop. Cheap to arm and cancel per request: the loop asks the kernel for its earliest timer only.
// Late by at most a millisecond plus the turn it fires in. Destroying it cancels it.
class Timer {
 public:
  explicit Timer(EventLoop& loop);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Replaces an earlier deadline.
  void arm(TimePoint deadline, UniqueFunction<void()> on_expiry);
  void cancel();
  bool armed() const;

 private:
  friend class EventLoop;
  struct Entry;
  std::unique_ptr<Entry> entry_;
};

}  // namespace wasabi::http
