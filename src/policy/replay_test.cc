#include "policy/replay.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace wasabi::policy {
namespace {

using Reason = Replay::Reason;

Attempt died(std::string_view method) {
  Attempt attempt;
  attempt.method = method;
  attempt.body_kept = true;
  attempt.runs = 1;
  return attempt;
}

void expectEnds(const Attempt& attempt, Reason reason) {
  const Replay replay = decideReplay(attempt);
  EXPECT_FALSE(replay.again);
  EXPECT_EQ(toString(replay.reason), toString(reason));
}

void expectAgain(const Attempt& attempt, Reason reason) {
  const Replay replay = decideReplay(attempt);
  EXPECT_TRUE(replay.again);
  EXPECT_EQ(toString(replay.reason), toString(reason));
}

TEST(ReplayTest, IdempotentMethods) {
  for (const char* method : {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"}) {
    EXPECT_TRUE(isIdempotent(method)) << method;
    expectAgain(died(method), Reason::kIdempotent);
  }
  for (const char* method : {"POST", "PATCH", "CONNECT", "get", "", "GETX"}) {
    EXPECT_FALSE(isIdempotent(method)) << method;
    expectEnds(died(method), Reason::kNotIdempotent);
  }
}

TEST(ReplayTest, RunsTwiceAtMost) {
  Attempt attempt = died("GET");
  attempt.runs = 2;
  expectEnds(attempt, Reason::kRanTwice);
}

TEST(ReplayTest, NotOnceTheClientHasSeenAnything) {
  Attempt attempt = died("GET");
  attempt.client_has_seen = true;
  expectEnds(attempt, Reason::kAnswerBegun);
}

TEST(ReplayTest, NotWithoutItsWholeBody) {
  Attempt attempt = died("PUT");
  attempt.body_kept = false;
  expectEnds(attempt, Reason::kBodyGone);
  attempt.end = AttemptEnd::kTurnedAway;
  expectEnds(attempt, Reason::kBodyGone);
}

TEST(ReplayTest, WhatHasNotRunGoesElsewhereWhateverItsMethod) {
  Attempt attempt = died("POST");
  attempt.runs = 0;
  for (const AttemptEnd end : {AttemptEnd::kTurnedAway, AttemptEnd::kUnreached}) {
    attempt.end = end;
    expectAgain(attempt, Reason::kHadNotRun);
  }
  // It ran once and died, and had no room at the second place.
  attempt = died("GET");
  attempt.end = AttemptEnd::kTurnedAway;
  expectAgain(attempt, Reason::kHadNotRun);
}

TEST(ReplayTest, LooksForASuperpodThatCanBeReachedNotForEver) {
  Attempt attempt = died("GET");
  attempt.end = AttemptEnd::kUnreached;
  attempt.unreached = Replay::kMostUnreached - 1;
  expectAgain(attempt, Reason::kHadNotRun);
  attempt.unreached = Replay::kMostUnreached;
  expectEnds(attempt, Reason::kUnreachable);
}

TEST(ReplayTest, NonsenseIsNotAskedForTwice) {
  Attempt attempt = died("GET");
  attempt.end = AttemptEnd::kNonsense;
  expectEnds(attempt, Reason::kNonsense);
}

// A request from its arrival to its end, whatever happens to it.
RC_GTEST_PROP(ReplayProperty, NeverRunsMoreThanTwiceNorTwiceUnlessIdempotent, ()) {
  const auto method = *rc::gen::element<std::string>("GET", "PUT", "POST", "PATCH");
  Attempt attempt;
  attempt.method = method;
  for (int tries = 0;; ++tries) {
    attempt.end = *rc::gen::element(AttemptEnd::kTurnedAway, AttemptEnd::kUnreached, AttemptEnd::kDied,
                                    AttemptEnd::kDied, AttemptEnd::kNonsense);
    attempt.client_has_seen = *rc::gen::weightedElement<bool>({{6, false}, {1, true}});
    attempt.body_kept = *rc::gen::weightedElement<bool>({{6, true}, {1, false}});
    if (attempt.end == AttemptEnd::kDied || attempt.end == AttemptEnd::kNonsense) ++attempt.runs;
    if (attempt.end == AttemptEnd::kUnreached) ++attempt.unreached;
    RC_ASSERT(attempt.runs <= Replay::kMostRuns);
    RC_ASSERT(attempt.runs <= 1U || isIdempotent(method));
    RC_ASSERT(attempt.unreached <= Replay::kMostUnreached);
    const Replay replay = decideReplay(attempt);
    const Replay same = decideReplay(attempt);
    RC_ASSERT(replay.again == same.again && replay.reason == same.reason);
    if (!replay.again || tries == 100) return;
    RC_ASSERT(!attempt.client_has_seen);
    RC_ASSERT(attempt.body_kept);
  }
}

}  // namespace
}  // namespace wasabi::policy
