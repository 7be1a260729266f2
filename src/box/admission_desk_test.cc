#include "box/admission_desk.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <random>
#include <thread>
#include <unordered_map>
#include <vector>

namespace wasabi::box {
namespace {

using Kind = AdmissionDesk::Answer::Kind;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr ByteSize kMiB{1 << 20};
constexpr std::uint32_t kFunctions = 4;

AdmissionDesk::Settings settings(std::uint64_t mib) {
  return {{{mib * kMiB.value}, policy::BookingMode::declared(), 1000, {}}, seconds(1)};
}

// Function i may have i + 1 at a time, each of (i + 1) MiB.
void deploy(Scheduler& scheduler, AdmissionDesk& desk) {
  desk.setTenants({{{0}, 1, std::nullopt}, {{1}, 1, std::nullopt}});
  for (std::uint32_t i = 0; i < kFunctions; ++i) {
    scheduler.setFunction({i}, {i / 2}, std::nullopt, Clock::now());
    desk.setFunction({i}, {{i / 2}, {(i + 1) * kMiB.value}, i + 1}, policy::Admission::Code::kOther);
  }
}

struct AdmissionDeskTest : testing::Test {
  AdmissionDeskTest() { deploy(scheduler, desk); }

  AdmissionDesk::Answer arrive(std::uint32_t function, std::uint64_t token) {
    return desk.arrive({0, token, {function}, now, now + seconds(60)}, now);
  }
  void end(std::uint32_t function) { desk.ended({function}, kMiB, policy::DemandHistory::Seen::kWhole, now, now); }

  const TimePoint now = Clock::now();
  std::vector<AdmissionCall> calls;
  Scheduler scheduler{1, milliseconds(1), [](std::size_t) {}};
  AdmissionDesk desk{settings(100), scheduler, [this](const AdmissionCall& call) { calls.push_back(call); }};
};

TEST_F(AdmissionDeskTest, WhoRunsIsToldWhatItIsBooked) {
  EXPECT_EQ(arrive(2, 1).booked, ByteSize{3 * kMiB.value});
  EXPECT_EQ(arrive(0, 2).booked, kMiB);
}

TEST_F(AdmissionDeskTest, WhoWaitsIsCalledWhenOneEnds) {
  EXPECT_EQ(arrive(0, 1).kind, Kind::kRuns);
  const auto second = arrive(0, 2);
  EXPECT_EQ(second.kind, Kind::kWaits);
  EXPECT_EQ(second.reason, Reason::kQueueFunctionConcurrency);
  EXPECT_TRUE(desk.anyWaits());
  EXPECT_TRUE(calls.empty());
  end(0);
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].token, 2u);
  EXPECT_EQ(calls[0].waited_for, Reason::kQueueFunctionConcurrency);
  EXPECT_FALSE(desk.anyWaits());
  EXPECT_FALSE(desk.cancel(second.ticket, now));  // too late: it ends as one that runs
  desk.answered({0});
  end(0);
  EXPECT_EQ(desk.figures(now).running, 0u);
}

TEST_F(AdmissionDeskTest, TellsHowManyOfEachRun) {
  arrive(1, 1);
  arrive(1, 2);
  arrive(0, 3);
  EXPECT_EQ(arrive(0, 4).kind, Kind::kWaits);  // and does not run
  EXPECT_EQ(desk.runningOf({{0}, {1}, {2}}), (std::vector<std::uint32_t>{1, 2, 0}));
  end(1);
  EXPECT_EQ(desk.runningOf({{1}}), std::vector<std::uint32_t>{1});
}

TEST_F(AdmissionDeskTest, WhoWouldHaveToWaitAndMayGoElsewhereLeavesNothing) {
  arrive(0, 1);
  const AdmissionDesk::Request second{
      0, 2, {0}, now, now + seconds(60), AdmissionDesk::Request::IfNoRoom::kGoElsewhere};
  const AdmissionDesk::Answer answer = desk.arrive(second, now);
  EXPECT_EQ(answer.kind, Kind::kRefused);
  EXPECT_EQ(answer.obstacle, Reason::kQueueFunctionConcurrency);
  EXPECT_FALSE(desk.anyWaits());
  EXPECT_EQ(desk.figures(now).waiting, ByteSize{});
  end(0);
  EXPECT_TRUE(calls.empty());
  EXPECT_EQ(desk.arrive(second, now).kind, Kind::kRuns);
}

TEST_F(AdmissionDeskTest, WhoHasNoTimeLeftIsToldSoAndLeavesByCancelling) {
  arrive(0, 1);
  const auto late = desk.arrive({0, 2, {0}, now, now + milliseconds(10)}, now);
  const auto other = desk.arrive({0, 3, {0}, now, now + milliseconds(10)}, now);
  arrive(0, 4);
  desk.callNext(now + milliseconds(10));
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0].kind, AdmissionCall::Kind::kTooLate);
  EXPECT_EQ(calls[0].token, 2u);
  EXPECT_EQ(calls[0].waited_for, Reason::kQueueFunctionConcurrency);
  EXPECT_EQ(calls[1].kind, AdmissionCall::Kind::kTooLate);
  EXPECT_EQ(desk.figures(now).queued, 1u);
  EXPECT_TRUE(desk.cancel(late.ticket, now)) << "nothing is booked for it";
  EXPECT_FALSE(desk.cancel(late.ticket, now));
  EXPECT_TRUE(desk.cancel(other.ticket, now));
  end(0);
  ASSERT_EQ(calls.size(), 3u);
  EXPECT_EQ(calls[2].kind, AdmissionCall::Kind::kRuns);
  EXPECT_EQ(calls[2].token, 4u);
  end(0);
  EXPECT_EQ(desk.figures(now).booked, ByteSize{});
}

TEST_F(AdmissionDeskTest, ARefusalSaysWhatIsInTheWay) {
  AdmissionDesk::Settings small = settings(100);
  small.admission.queue = {1, 1, 1};
  desk.setSettings(small);
  arrive(0, 1);
  EXPECT_EQ(arrive(0, 2).obstacle, Reason::kNone);
  const auto refused = arrive(0, 3);
  EXPECT_EQ(refused.reason, Reason::kFunctionConcurrency);
  EXPECT_EQ(refused.obstacle, Reason::kQueueFunctionConcurrency);
}

TEST_F(AdmissionDeskTest, TermsOfTenantsReachWhoeverDecidesByThem) {
  desk.setTenants({{{0}, 3, 1}, {{1}, 1, std::nullopt}});
  EXPECT_EQ(desk.weightOf({0}), 3);
  EXPECT_EQ(arrive(1, 1).kind, Kind::kRuns);
  EXPECT_EQ(arrive(1, 2).reason, Reason::kQueueTenantConcurrency);
}

TEST_F(AdmissionDeskTest, WhoIsCancelledIsNotCalled) {
  arrive(0, 1);
  const auto second = arrive(0, 2);
  EXPECT_TRUE(desk.cancel(second.ticket, now));
  EXPECT_FALSE(desk.anyWaits());
  end(0);
  EXPECT_TRUE(calls.empty());
  EXPECT_EQ(desk.figures(now).booked, ByteSize{});
}

// Workers as they are: requests come, wait, are called by whoever makes room, are cancelled before or at that moment,
// and end. Afterwards nobody runs or waits, nothing is booked, and no call is left unanswered.
class Workers {
 public:
  static constexpr std::size_t kWorkers = 4;

  Workers() { deploy(scheduler_, desk_); }

  void runFor(Duration duration) {
    const TimePoint end = Clock::now() + duration;
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < kWorkers; ++i) threads.emplace_back([this, i, end] { run(i, end); });
    for (std::uint64_t i = 0; Clock::now() < end; ++i) {  // as the control thread does
      desk_.setSettings(settings(5 + i % 5));
      desk_.setFunction({1}, {{0}, {(1 + i % 3) * kMiB.value}, 2}, policy::Admission::Code::kSame);
      desk_.figures(Clock::now());
      desk_.explain({2}, seconds(1), Clock::now());
      std::this_thread::sleep_for(milliseconds(2));
    }
    for (std::thread& thread : threads) thread.join();
  }

  AdmissionDesk& desk() { return desk_; }
  std::size_t called() const { return called_; }
  std::size_t tooLate() const { return too_late_; }

 private:
  struct Request {
    policy::FunctionId function;
    policy::Ticket ticket = 0;  // while it waits
    TimePoint admitted;
  };
  struct Worker {
    std::mutex mutex;
    std::vector<AdmissionCall> calls;
    std::unordered_map<std::uint64_t, Request> requests;  // the thread's own, by token
    std::uint64_t last_token = 0;
    std::mt19937 random;
  };

  void call(const AdmissionCall& call) {
    Worker& worker = workers_[call.worker];
    const std::lock_guard lock(worker.mutex);
    worker.calls.push_back(call);
    ++called_;
  }

  void run(std::size_t index, TimePoint end) {
    Worker& worker = workers_[index];
    worker.random.seed(static_cast<unsigned>(index));
    while (Clock::now() < end) {
      if (worker.requests.size() < 30) come(index, worker);
      answerCalls(worker);
      if (!worker.requests.empty()) endOne(worker);
      if (desk_.anyWaits() && worker.random() % 4 == 0) desk_.callNext(Clock::now());
    }
    while (!worker.requests.empty()) endOne(worker);
    answerCalls(worker);
    ended_.fetch_add(1);
    while (ended_ < kWorkers) answerCalls(worker);
    answerCalls(worker);
  }

  void come(std::size_t index, Worker& worker) {
    const TimePoint now = Clock::now();
    const policy::FunctionId function{static_cast<std::uint32_t>(worker.random() % kFunctions)};
    const std::uint64_t token = ++worker.last_token;
    const Duration patience = worker.random() % 8 == 0 ? Duration(microseconds(200)) : seconds(1);
    const auto answer = desk_.arrive({index, token, function, now, now + patience}, now);
    if (answer.kind == Kind::kRefused) return;
    worker.requests[token] = {function, answer.kind == Kind::kWaits ? answer.ticket : 0, now};
  }

  void answerCalls(Worker& worker) {
    std::vector<AdmissionCall> calls;
    {
      const std::lock_guard lock(worker.mutex);
      calls.swap(worker.calls);
    }
    for (const AdmissionCall& call : calls) {
      const auto request = worker.requests.find(call.token);
      if (call.kind == AdmissionCall::Kind::kTooLate) {
        if (request == worker.requests.end()) continue;
        EXPECT_TRUE(desk_.cancel(request->second.ticket, Clock::now()));
        worker.requests.erase(request);
        ++too_late_;
        continue;
      }
      if (request != worker.requests.end()) {
        EXPECT_NE(request->second.ticket, 0u) << "called though it runs";
        request->second.ticket = 0;
        request->second.admitted = Clock::now();
      }
      desk_.answered(call.function);
    }
  }

  void endOne(Worker& worker) {
    const TimePoint now = Clock::now();
    const auto request = worker.requests.begin();
    const auto [function, ticket, admitted] = request->second;
    worker.requests.erase(request);
    if (ticket != 0 && desk_.cancel(ticket, now)) return;
    desk_.ended(function, kMiB, policy::DemandHistory::Seen::kWhole, admitted, now);
  }

  std::array<Worker, kWorkers> workers_;
  std::atomic<std::size_t> called_{0};
  std::atomic<std::size_t> too_late_{0};
  std::atomic<std::size_t> ended_{0};
  Scheduler scheduler_{kWorkers, milliseconds(1), [](std::size_t) {}};
  AdmissionDesk desk_{settings(5), scheduler_, [this](const AdmissionCall& at) { call(at); }};
};

TEST(AdmissionDeskStressTest, EveryPlaceAndBookingComesBack) {
  Workers workers;
  workers.runFor(seconds(2));
  EXPECT_GT(workers.called(), 100u);
  EXPECT_GT(workers.tooLate(), 0u);
  AdmissionDesk& desk = workers.desk();
  const auto figures = desk.figures(Clock::now());
  EXPECT_EQ(figures.running, 0u);
  EXPECT_EQ(figures.queued, 0u);
  EXPECT_EQ(figures.booked, ByteSize{});
  EXPECT_EQ(figures.waiting, ByteSize{});
  EXPECT_FALSE(desk.anyWaits());
  // A call that counts as unanswered would be expected to come before.
  for (std::uint32_t i = 0; i < kFunctions; ++i) {
    EXPECT_EQ(desk.explain({i}, seconds(1), Clock::now()).first_slice.by_share, Duration{});
  }
}

}  // namespace
}  // namespace wasabi::box
