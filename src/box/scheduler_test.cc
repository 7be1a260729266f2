#include "box/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

namespace wasabi::box {
namespace {

using policy::Where;
using policy::Which;
using std::chrono::milliseconds;
using std::chrono::seconds;

const TimePoint kStart{seconds(1000)};
constexpr Duration kSlice = milliseconds(1);

class Item : public Runnable {
 public:
  explicit Item(std::uint32_t home, std::uint32_t function = 0) : Runnable({function}, home) {}
};

struct SchedulerTest : testing::Test {
  SchedulerTest() {
    scheduler.setTenant({0}, 1);
    scheduler.setFunction({0}, {0}, std::nullopt, kStart);
  }
  Runnable* next(std::size_t worker, TimePoint now = kStart) { return scheduler.next(worker, now).invocation; }
  void add(Runnable& item, Where where = Where::kAnywhere) { scheduler.add(item, where, Which::kLater, kStart); }

  std::vector<std::size_t> woken;
  Scheduler scheduler{2, kSlice, [this](std::size_t worker) { woken.push_back(worker); }};
};

TEST_F(SchedulerTest, WhoIsTakenCannotBeWithdrawn) {
  Item item(0);
  EXPECT_FALSE(scheduler.withdraw(item));
  add(item);
  EXPECT_EQ(scheduler.ready(), 1u);
  EXPECT_TRUE(scheduler.withdraw(item));
  EXPECT_EQ(scheduler.ready(), 0u);
  add(item);
  EXPECT_EQ(next(1), &item);
  EXPECT_FALSE(scheduler.withdraw(item));
  EXPECT_FALSE(next(0));
}

TEST_F(SchedulerTest, AWorkerThatWaitsIsWokenOnceForWhatIsTooMuchForTheHome) {
  Item first(0);
  Item second(0);
  Item third(0);
  EXPECT_FALSE(next(1));
  add(first);
  EXPECT_TRUE(woken.empty());  // the home runs it
  add(second);
  EXPECT_EQ(woken, std::vector<std::size_t>{1});
  add(third);
  EXPECT_EQ(woken, std::vector<std::size_t>{1});
  EXPECT_EQ(next(1), &first);
}

TEST_F(SchedulerTest, NobodyIsWokenForWhatOnlyTheHomeMayRun) {
  Item first(0);
  Item second(0);
  EXPECT_FALSE(next(1));
  add(first, Where::kAtHome);
  add(second, Where::kAtHome);
  EXPECT_EQ(next(0), &first);
  EXPECT_TRUE(woken.empty());
}

TEST_F(SchedulerTest, OneThatMayRunAnywhereIsGivenAwayWhenTheHomeGetsAnother) {
  Item anywhere(0);
  Item at_home(0);
  EXPECT_FALSE(next(1));
  add(anywhere);
  add(at_home, Where::kAtHome);
  EXPECT_EQ(woken, std::vector<std::size_t>{1});
}

TEST_F(SchedulerTest, WhatAQuotaHeldBackIsGivenAwayWhenItIsPaid) {
  scheduler.setFunction({1}, {0}, 0.1, kStart);
  Item first(0, 1);
  Item second(0, 1);
  EXPECT_FALSE(next(1));
  scheduler.ranAtOnce({1}, milliseconds(20), kStart);
  add(first);
  add(second);
  EXPECT_TRUE(woken.empty());
  const auto [none, paid] = scheduler.next(0, kStart);
  EXPECT_FALSE(none);
  EXPECT_EQ(paid, kStart + milliseconds(100));
  EXPECT_EQ(next(0, *paid), &first);
  EXPECT_EQ(woken, std::vector<std::size_t>{1});
}

// Workers as they are: each has invocations of its own, runs what next() gives it, hands those of others back, and
// sleeps when there is nothing until it is woken.
class Workers {
 public:
  static constexpr std::uint32_t kWorkers = 4;
  static constexpr std::uint32_t kFunctions = 3;
  // Two have plenty, the others help.
  static constexpr std::array<std::size_t, kWorkers> kItems = {20, 20, 2, 0};

  Workers() {
    const TimePoint now = Clock::now();
    for (std::uint32_t i = 0; i < kFunctions; ++i) {
      scheduler_.setTenant({i}, i + 1);
      scheduler_.setFunction({i}, {i}, i == 0 ? std::optional(0.5) : std::nullopt, now);
    }
  }

  void runFor(Duration duration) {
    const TimePoint end = Clock::now() + duration;
    std::vector<std::thread> threads;
    for (std::uint32_t i = 0; i < kWorkers; ++i) threads.emplace_back([this, i, end] { run(i, end); });
    for (int i = 0; Clock::now() < end; ++i) {  // as the control thread does
      scheduler_.setFunction({0}, {0}, i % 2 ? std::optional(0.5) : std::nullopt, Clock::now());
      std::this_thread::sleep_for(milliseconds(3));
    }
    for (std::thread& thread : threads) thread.join();
  }

  std::uint64_t slices() const { return slices_; }
  std::uint64_t away() const { return away_; }
  std::size_t left() const { return scheduler_.ready(); }

 private:
  enum class State : std::uint8_t { kResting, kRunnable, kEnding, kEnded };
  struct Invocation : Item {
    using Item::Item;
    State state = State::kResting;  // the home's own
    std::atomic<bool> in_slice{false};
    std::uint64_t used = 0;  // by whoever runs it
  };
  struct Worker {
    std::mutex mutex;
    std::condition_variable condition;
    bool woken = false;
    std::vector<Invocation*> came_back;
    std::vector<std::unique_ptr<Invocation>> own;  // the thread's
    std::mt19937 random;
  };

  void wake(std::size_t index, Invocation* came_back = nullptr) {
    Worker& worker = workers_[index];
    {
      const std::lock_guard lock(worker.mutex);
      worker.woken = true;
      if (came_back) worker.came_back.push_back(came_back);
    }
    worker.condition.notify_one();
  }

  void run(std::uint32_t index, TimePoint end) {
    Worker& worker = workers_[index];
    worker.random.seed(index);
    for (std::size_t i = 0; i < kItems[index]; ++i) {
      worker.own.push_back(std::make_unique<Invocation>(index, worker.random() % kFunctions));
    }
    std::size_t living = worker.own.size();
    bool sleeps = false;
    while (living > 0 || Clock::now() < end) {
      if (sleeps) sleep(worker, living > 0 ? look_again_[index] : std::min(look_again_[index].value_or(end), end));
      takeBack(worker, living);
      const bool over = Clock::now() >= end;
      for (auto& own : worker.own) change(worker, *own, over, living);
      sleeps = !runNext(index);
      // Those that rest would not be touched before the next turn.
      if (!over && sleeps) sleeps = std::none_of(worker.own.begin(), worker.own.end(), isResting);
    }
  }

  static bool isResting(const std::unique_ptr<Invocation>& own) { return own->state == State::kResting; }

  // Until woken, or the moment has come. Nobody who waits for either may be forgotten.
  void sleep(Worker& worker, std::optional<TimePoint> until) {
    std::unique_lock lock(worker.mutex);
    const auto woken = [&] { return worker.woken; };
    if (until) {
      worker.condition.wait_until(lock, *until, woken);
    } else {
      EXPECT_TRUE(worker.condition.wait_for(lock, seconds(30), woken)) << "nobody wakes it";
    }
    worker.woken = false;
  }

  void takeBack(Worker& worker, std::size_t& living) {
    std::vector<Invocation*> back;
    {
      const std::lock_guard lock(worker.mutex);
      back.swap(worker.came_back);
    }
    for (Invocation* invocation : back) afterSlice(*invocation, living);
  }

  void afterSlice(Invocation& invocation, std::size_t& living) {
    if (invocation.state == State::kEnding) {
      invocation.state = State::kEnded;
      --living;
    } else {
      invocation.state = State::kResting;
    }
  }

  void change(Worker& worker, Invocation& own, bool over, std::size_t& living) {
    if (own.state == State::kResting && over) {
      own.state = State::kEnded;
      --living;
    } else if (own.state == State::kResting) {
      own.state = State::kRunnable;
      const Where where = worker.random() % 3 == 0 ? Where::kAtHome : Where::kAnywhere;
      scheduler_.add(own, where, worker.random() % 2 ? Which::kLater : Which::kFirst, Clock::now());
    } else if (own.state == State::kRunnable && (over || worker.random() % 50 == 0)) {
      own.state = scheduler_.withdraw(own) ? State::kResting : State::kEnding;
      if (own.state == State::kEnding && !over) own.state = State::kRunnable;  // it was only a try
    }
  }

  bool runNext(std::uint32_t index) {
    const auto [next, look_again] = scheduler_.next(index, Clock::now());
    look_again_[index] = look_again;
    if (!next) return false;
    auto& invocation = static_cast<Invocation&>(*next);
    EXPECT_FALSE(invocation.in_slice.exchange(true, std::memory_order_relaxed)) << "run by two workers";
    ++invocation.used;
    for (const TimePoint end = Clock::now() + std::chrono::microseconds(50); Clock::now() < end;) {
    }
    slices_.fetch_add(1, std::memory_order_relaxed);
    invocation.in_slice.store(false, std::memory_order_relaxed);
    scheduler_.ran(invocation, Which::kLater, std::chrono::microseconds(100), Clock::now());
    if (invocation.home() != index) away_.fetch_add(1, std::memory_order_relaxed);
    wake(invocation.home(), &invocation);
    return true;
  }

  std::array<Worker, kWorkers> workers_;
  std::array<std::optional<TimePoint>, kWorkers> look_again_;  // each its worker's own
  std::atomic<std::uint64_t> slices_{0};
  std::atomic<std::uint64_t> away_{0};
  Scheduler scheduler_{kWorkers, kSlice, [this](std::size_t worker) { wake(worker); }};
};

TEST(SchedulerStressTest, EachIsRunByOneAtATimeAndNobodyIsForgotten) {
  Workers workers;
  workers.runFor(seconds(2));
  EXPECT_GT(workers.slices(), 1000u);
  EXPECT_GT(workers.away(), 100u);
  EXPECT_EQ(workers.left(), 0u);
}

}  // namespace
}  // namespace wasabi::box
