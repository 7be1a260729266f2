#include "deploy/job_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace wasabi::deploy {

std::optional<Error> JobQueue::Turn::cutOff(const std::string& what) const {
  switch (cut_.load()) {
    case Cut::kNone:
      return std::nullopt;
    case Cut::kFull:
      return Error(ErrorCode::kUnavailable, fmt::format("{}: {} wait already; try again later", what, limits_.waiting));
    case Cut::kLate:
      return Error(ErrorCode::kTimeout, fmt::format("{}: not there after {}", what, toString(limits_.longest)));
    case Cut::kEnd:
      break;
  }
  return Error(ErrorCode::kUnavailable, "the server is ending; deploy again");
}

void JobQueue::Turn::cut(Cut cut) {
  Cut none = Cut::kNone;
  cut_.compare_exchange_strong(none, cut);
  stop_.request_stop();
}

JobQueue::JobQueue(const JobLimits& limits) : limits_(limits) {
  for (std::uint32_t i = 0; i < limits_.threads; ++i) threads_.emplace_back([this] { work(); });
  threads_.emplace_back([this] { watchDeadlines(); });
}

JobQueue::~JobQueue() {
  stop();
}

void JobQueue::post(Job job) {
  auto cut = Turn::Cut::kNone;
  {
    const std::scoped_lock lock(mutex_);
    if (stopped_) {
      cut = Turn::Cut::kEnd;
    } else if (waiting_.size() >= limits_.waiting) {
      cut = Turn::Cut::kFull;
    } else {
      waiting_.push_back(std::move(job));
      waiting_changed_.notify_one();
      return;
    }
  }
  Turn turn(limits_);
  turn.cut(cut);
  job(turn);
}

void JobQueue::stop() {
  std::deque<Job> dropped;
  std::vector<std::thread> threads;
  {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
    dropped.swap(waiting_);
    threads.swap(threads_);
    for (Turn& turn : running_) turn.cut(Turn::Cut::kEnd);
    waiting_changed_.notify_all();
    running_changed_.notify_all();
  }
  Turn turn(limits_);
  turn.cut(Turn::Cut::kEnd);
  for (Job& job : dropped) job(turn);
  for (std::thread& thread : threads) thread.join();
}

void JobQueue::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    waiting_changed_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
    if (stopped_) return;
    Job job = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    run(std::move(job));
    lock.lock();
  }
}

void JobQueue::run(Job job) {
  std::list<Turn>::iterator turn;
  {
    const std::scoped_lock lock(mutex_);
    turn = running_.emplace(running_.end(), limits_);
    if (stopped_) turn->cut(Turn::Cut::kEnd);
    running_changed_.notify_one();
  }
  job(*turn);
  const std::scoped_lock lock(mutex_);
  running_.erase(turn);
}

// A peer that sends a byte now and then is never still, and never done.
void JobQueue::watchDeadlines() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    const TimePoint now = Clock::now();
    TimePoint next = TimePoint::max();
    for (Turn& turn : running_) {
      if (turn.stop_.stop_requested()) continue;
      const TimePoint deadline = turn.began_ + limits_.longest;
      if (deadline <= now) {
        turn.cut(Turn::Cut::kLate);
      } else {
        next = std::min(next, deadline);
      }
    }
    if (next == TimePoint::max()) {
      running_changed_.wait(lock);
    } else {
      running_changed_.wait_until(lock, next);
    }
  }
}

}  // namespace wasabi::deploy
