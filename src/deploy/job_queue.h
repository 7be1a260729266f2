// Work that blocks for long, done by a few threads in the order in which it came.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/unique_function.h"
#include "base/units.h"

namespace wasabi::deploy {

struct JobLimits {
  std::uint32_t threads = 2;
  std::size_t waiting = 64;                     // beyond those that run
  Duration longest = std::chrono::minutes(10);  // of one job once it runs
};

// Thread-safe.
class JobQueue {
 public:
  // One job's turn.
  class Turn {
   public:
    // Asked for at the deadline and at the end of the queue; a job ends soon after.
    std::stop_token stop() const { return stop_.get_token(); }
    Duration taken() const { return Clock::now() - began_; }
    // Why the job was cut off or never had its turn, for people; nothing: it may go on, or went through.
    std::optional<Error> cutOff(const std::string& what) const;

    // Turns are made by the queue; `limits` outlives this.
    explicit Turn(const JobLimits& limits) : limits_(limits) {}

   private:
    friend class JobQueue;
    enum class Cut : std::uint8_t { kNone, kFull, kLate, kEnd };
    void cut(Cut cut);

    const JobLimits& limits_;
    std::stop_source stop_;
    TimePoint began_ = Clock::now();
    std::atomic<Cut> cut_{Cut::kNone};
  };
  using Job = UniqueFunction<void(const Turn&)>;

  explicit JobQueue(const JobLimits& limits);
  ~JobQueue();  // as stop()
  JobQueue(const JobQueue&) = delete;
  JobQueue& operator=(const JobQueue&) = delete;

  // It runs once: on a thread of this object; or cut off, on the caller's before this returns, where too many wait or
  // after stop().
  void post(Job job);
  // All jobs are cut off, and have ended when this returns. Not from a job.
  void stop();

 private:
  void work();
  void watchDeadlines();
  void run(Job job);

  const JobLimits limits_;
  std::mutex mutex_;
  std::condition_variable waiting_changed_;
  std::condition_variable running_changed_;
  std::deque<Job> waiting_;
  std::list<Turn> running_;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace wasabi::deploy
