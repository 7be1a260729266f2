#include "companion/work_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace wasabi::companion {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

const FunctionName kA{"acme", "a"};
const FunctionName kB{"acme", "b"};
const TimePoint kStart{1h};

TEST(WorkList, EachFunctionOnceUntilItChanges) {
  WorkList work(2);
  EXPECT_TRUE(work.isSettled());
  EXPECT_THAT(work.setWanted({{kA, 1}, {kB, 2}}), IsEmpty());
  EXPECT_FALSE(work.isSettled());
  EXPECT_EQ(work.next(kStart), (Job{kA, 1}));
  EXPECT_EQ(work.next(kStart), (Job{kB, 2}));
  EXPECT_TRUE(work.finished({kA, 1}, Outcome::kReady, kStart));
  EXPECT_TRUE(work.finished({kB, 2}, Outcome::kReady, kStart));
  EXPECT_EQ(work.next(kStart), std::nullopt);
  EXPECT_EQ(work.nextDue(), std::nullopt);
  EXPECT_TRUE(work.isSettled());
  EXPECT_THAT(work.setWanted({{kA, 1}, {kB, 3}}), IsEmpty());
  EXPECT_EQ(work.next(kStart), (Job{kB, 3}));
}

TEST(WorkList, NoMoreAtOnceThanAllowed) {
  WorkList work(1);
  work.setWanted({{kA, 1}, {kB, 1}});
  EXPECT_EQ(work.next(kStart), (Job{kA, 1}));
  EXPECT_EQ(work.next(kStart), std::nullopt);
  EXPECT_EQ(work.nextDue(), std::nullopt);
  work.finished({kA, 1}, Outcome::kReady, kStart);
  EXPECT_EQ(work.next(kStart), (Job{kB, 1}));
}

TEST(WorkList, FailuresComeAgainLaterAndLater) {
  WorkList work(1);
  work.setWanted({{kA, 1}});
  TimePoint now = kStart;
  Duration before{};
  for (int i = 0; i < 12; ++i) {
    const auto job = work.next(now);
    ASSERT_TRUE(job);
    EXPECT_FALSE(work.finished(*job, Outcome::kFailed, now));
    EXPECT_FALSE(work.isSettled());
    const auto again = work.againAt(kA);
    ASSERT_TRUE(again);
    EXPECT_EQ(work.nextDue(), again);
    EXPECT_GE(*again - now, before);
    EXPECT_LE(*again - now, policy::RestartBackoff::kLongestWait);
    EXPECT_EQ(work.next(*again - 1ms), std::nullopt);
    before = *again - now;
    now = *again;
  }
  EXPECT_EQ(before, policy::RestartBackoff::kLongestWait);
  // A change is tried at once.
  work.setWanted({{kA, 2}});
  EXPECT_EQ(work.next(now), (Job{kA, 2}));
}

TEST(WorkList, AHopelessFunctionHoldsUpNobodyAndIsTriedAgain) {
  WorkList work(1);
  work.setWanted({{kA, 1}});
  work.next(kStart);
  work.finished({kA, 1}, Outcome::kHopeless, kStart);
  EXPECT_TRUE(work.isSettled());
  EXPECT_EQ(work.next(kStart + 1s), (Job{kA, 1}));
}

TEST(WorkList, WhoNeverWasTriedGoesBeforeWhoFailed) {
  WorkList work(1);
  work.setWanted({{kA, 1}});
  work.next(kStart);
  work.finished({kA, 1}, Outcome::kFailed, kStart);
  work.setWanted({{kA, 1}, {kB, 1}});
  EXPECT_EQ(work.next(kStart + 1s), (Job{kB, 1}));
}

TEST(WorkList, WhatChangedWhileItWasMadeIsMadeAgain) {
  WorkList work(2);
  work.setWanted({{kA, 1}});
  work.next(kStart);
  work.setWanted({{kA, 2}});
  EXPECT_EQ(work.next(kStart), std::nullopt) << "one job at a time for each function";
  EXPECT_FALSE(work.finished({kA, 1}, Outcome::kReady, kStart));
  EXPECT_EQ(work.next(kStart), (Job{kA, 2}));
}

TEST(WorkList, WhatIsGoneIsToldOnce) {
  WorkList work(2);
  work.setWanted({{kA, 1}, {kB, 1}});
  work.next(kStart);
  EXPECT_THAT(work.setWanted({{kB, 1}}), ElementsAre(kA));
  EXPECT_THAT(work.setWanted({{kB, 1}}), IsEmpty());
  EXPECT_FALSE(work.finished({kA, 1}, Outcome::kReady, kStart));
  EXPECT_EQ(work.underWay(), 0u);
  // It comes back while its job is under way.
  work.setWanted({{kA, 5}, {kB, 1}});
  EXPECT_EQ(work.next(kStart), (Job{kA, 5}));
  work.setWanted({{kB, 1}});
  work.setWanted({{kA, 6}, {kB, 1}});
  EXPECT_FALSE(work.finished({kA, 5}, Outcome::kReady, kStart));
  EXPECT_EQ(work.next(kStart), (Job{kA, 6}));
}

// Whatever happens: at most `at_once` jobs, one for each function, and in the end all that is wanted is ready.
RC_GTEST_PROP(WorkListProperty, EverythingWantedBecomesReady, ()) {
  const auto at_once = *rc::gen::inRange<std::size_t>(1, 4);
  WorkList work(at_once);
  std::map<FunctionName, Revision> wanted;
  std::map<FunctionName, Revision> running;
  std::map<FunctionName, Revision> ready;
  Revision last = 0;
  TimePoint now = kStart;
  const auto finish = [&](Outcome outcome) {
    const Job job{running.begin()->first, running.begin()->second};
    running.erase(running.begin());
    const bool published = work.finished(job, outcome, now);
    const auto found = wanted.find(job.name);
    RC_ASSERT(published == (outcome == Outcome::kReady && found != wanted.end() && found->second == job.revision));
    if (published) ready[job.name] = job.revision;
  };
  const auto take = [&] {
    const auto job = work.next(now);
    if (!job) return false;
    RC_ASSERT(!running.contains(job->name));
    RC_ASSERT(wanted.at(job->name) == job->revision);
    running[job->name] = job->revision;
    RC_ASSERT(running.size() <= at_once && running.size() == work.underWay());
    return true;
  };
  for (int step = *rc::gen::inRange(0, 60); step > 0; --step) {
    const FunctionName name{"t", std::string(1, static_cast<char>('a' + *rc::gen::inRange(0, 5)))};
    switch (*rc::gen::inRange(0, 5)) {
      case 0:
        wanted[name] = ++last;
        work.setWanted(wanted);
        break;
      case 1:
        wanted.erase(name);
        ready.erase(name);
        work.setWanted(wanted);
        break;
      case 2:
        now += 500ms;
        break;
      case 3:
        if (!running.empty()) finish(*rc::gen::element(Outcome::kReady, Outcome::kFailed, Outcome::kHopeless));
        break;
      default:
        take();
    }
  }
  for (int i = 0; i < 1000 && (ready != wanted || !running.empty()); ++i) {
    while (take()) {
    }
    if (!running.empty()) finish(Outcome::kReady);
    now += 1s;
  }
  RC_ASSERT(ready == wanted);
  RC_ASSERT(work.isSettled());
}

}  // namespace
}  // namespace wasabi::companion
