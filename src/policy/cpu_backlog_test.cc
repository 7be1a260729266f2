// The request queue and the order of slices together, on one worker and a clock of its own: what it means to others
// that a tenant has more to run than there is time for. Deterministic.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "policy/request_queue.h"
#include "policy/run_order.h"

namespace wasabi::policy {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Stream {
  Duration every;  // between arrivals
  Duration cpu;    // that each needs
  std::uint32_t weight = 1;
};

struct Served {
  std::vector<Duration> times;  // from arrival to end, of those that ended
  std::size_t refused = 0;
  Duration percentile(double part) const {
    std::vector<Duration> sorted = times;
    std::sort(sorted.begin(), sorted.end());
    return sorted.empty() ? Duration::max() : sorted[static_cast<std::size_t>(part * double(sorted.size() - 1))];
  }
};

// Stream i is tenant i with function i. `of_backlog` is what is said of a head whose first slice would come too late.
class OneWorker {
 public:
  OneWorker(std::vector<Stream> streams, Verdict of_backlog) : streams_(std::move(streams)), of_backlog_(of_backlog) {
    for (std::uint32_t i = 0; i < streams_.size(); ++i) {
      order_.setTenant({i}, streams_[i].weight);
      order_.setFunction({i}, {i}, std::nullopt, now_);
      queue_.setWeight({i}, streams_[i].weight);
      next_arrival_.push_back(now_ + streams_[i].every);
      called_.push_back(0);
    }
    served.resize(streams_.size());
  }

  void run(Duration time) {
    for (const TimePoint end = now_ + time; now_ < end;) {
      takeArrivals();
      callNext();
      if (const auto task = order_.next(0, now_)) {
        slice(*static_cast<Request*>(task->invocation), task->which);
      } else {
        const TimePoint next = *std::min_element(next_arrival_.begin(), next_arrival_.end());
        idle += next - now_;
        now_ = next;
      }
    }
  }

  std::vector<Served> served;
  Duration idle{};

 private:
  static constexpr Duration kSlice = milliseconds(1);
  static constexpr Duration kBacklog = milliseconds(50);
  struct Request {
    std::uint32_t of;
    TimePoint arrived;
    Duration left;
  };

  Judgement judge(FunctionId function) const {
    const bool late = order_.expectedDelay(function, called_[function.value], 1) > kBacklog;
    return {late ? of_backlog_ : Verdict::kRun};
  }
  void takeArrivals() {
    for (std::uint32_t i = 0; i < streams_.size(); ++i) {
      for (; next_arrival_[i] <= now_; next_arrival_[i] += streams_[i].every) {
        const Ticket ticket = ++last_;
        requests_[ticket] = {i, next_arrival_[i], streams_[i].cpu};
        if (queue_.empty() && judge({i}).verdict == Verdict::kRun) {
          begin(ticket);
          continue;
        }
        const Waiter waiter{ticket, {i}, {i}, ByteSize{1}, 1, next_arrival_[i], next_arrival_[i] + seconds(30)};
        if (queue_.offer(waiter, now_)) {
          requests_.erase(ticket);
          ++served[i].refused;
        } else {
          callNext();
        }
      }
    }
  }
  void callNext() {
    for (const Waited& late : queue_.expire(now_)) requests_.erase(late.waiter.ticket);
    std::vector<Ticket> calls;
    while (const auto next = queue_.next(now_, [&](const Waiter& head) { return judge(head.function); })) {
      ++called_[next->waiter.function.value];
      calls.push_back(next->waiter.ticket);
    }
    for (const Ticket ticket : calls) {
      --called_[requests_[ticket].of];
      begin(ticket);
    }
  }
  void begin(Ticket ticket) {
    Request& request = requests_[ticket];
    order_.add({&request, {request.of}, 0, Where::kAtHome, Which::kFirst}, now_);
  }
  void slice(Request& request, Which which) {
    const Duration ran = std::min(kSlice, request.left);
    now_ += ran;
    request.left -= ran;
    order_.ran({request.of}, which, ran, now_);
    if (request.left > Duration{}) {
      order_.add({&request, {request.of}, 0, Where::kAtHome, Which::kLater}, now_);
      return;
    }
    served[request.of].times.push_back(now_ - request.arrived);
    queue_.ended({request.of}, {request.of});
  }

  std::vector<Stream> streams_;
  Verdict of_backlog_;
  TimePoint now_{seconds(1000)};
  RequestQueue queue_;
  RunOrder order_{kSlice};
  std::map<Ticket, Request> requests_;
  std::vector<TimePoint> next_arrival_;
  std::vector<std::uint32_t> called_;
  Ticket last_ = 0;
};

// A fifth of the worker, beside a neighbour whose line for the CPU is always longer than may be.
constexpr Stream kVictim{milliseconds(1), microseconds(200)};
constexpr Duration kTime = seconds(20);

OneWorker beside(const Stream& neighbour, Verdict of_backlog) {
  OneWorker worker({kVictim, neighbour}, of_backlog);
  worker.run(kTime);
  return worker;
}

// What the queue would do if a head that waits for the CPU were a blocked head like one that waits for memory: nobody
// may pass it for as long as its own line is too long, whose requests run for seconds.
TEST(CpuBacklogTest, WhoSpinsBlocksNobody) {
  const Stream spins{milliseconds(5), seconds(1)};
  const OneWorker aside = beside(spins, Verdict::kNoCpu);
  EXPECT_GE(aside.served[0].times.size(), 19'990u);
  EXPECT_LE(aside.served[0].percentile(1), milliseconds(2));
  const OneWorker blocked = beside(spins, Verdict::kNoMemory);
  EXPECT_LT(blocked.served[0].times.size(), aside.served[0].times.size() / 10);
}

TEST(CpuBacklogTest, WhoseCallsTakeManySlicesBlocksNobody) {
  const Stream many_slices{milliseconds(2), milliseconds(20)};  // ten times what there is
  const OneWorker aside = beside(many_slices, Verdict::kNoCpu);
  EXPECT_LE(aside.served[0].percentile(1), milliseconds(2));
  const OneWorker blocked = beside(many_slices, Verdict::kNoMemory);
  EXPECT_GT(blocked.served[0].percentile(0.5), milliseconds(100));
}

// ... and nobody pays for it: the neighbour gets what the victim leaves, and the worker never idles.
TEST(CpuBacklogTest, WhatIsLeftGoesToWhoHasMoreToRunThanThereIsTimeFor) {
  const Stream flood{microseconds(200), milliseconds(2)};  // ten times what there is
  const OneWorker aside = beside(flood, Verdict::kNoCpu);
  const OneWorker blocked = beside(flood, Verdict::kNoMemory);
  EXPECT_LE(aside.served[0].percentile(1), milliseconds(2));
  EXPECT_LE(aside.idle, milliseconds(1));
  EXPECT_GE(aside.served[1].times.size(), blocked.served[1].times.size());
  const Duration used = aside.served[0].times.size() * kVictim.cpu + aside.served[1].times.size() * flood.cpu;
  EXPECT_GE(used, kTime - milliseconds(100));
}

}  // namespace
}  // namespace wasabi::policy
