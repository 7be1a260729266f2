#include "box/why.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace wasabi::box {
namespace {

using namespace std::chrono_literals;
using namespace wasabi::literals;
using nlohmann::json;
using policy::Verdict;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using Kind = AdmissionDesk::Answer::Kind;
using PolicyKind = policy::Admission::Answer::Kind;

// A request that runs, in a box in which little happens.
Why quiet() {
  auto spec = std::make_shared<catalog::FunctionSpec>();
  spec->name = {"acme", "resize"};
  Why why;
  why.function = spec;
  why.patience = 2s;
  why.program_loaded = true;
  auto& told = why.explained.policy;
  told.answer.kind = PolicyKind::kRuns;
  told.mode = policy::BookingMode::riskOf(1e-3);
  told.capacity = 1_GiB;
  told.unbooked = 24_MiB;
  told.booked = 100_MiB;
  told.memory = {policy::MemoryBook::Verdict::kFits, 30_MiB, 130_MiB, 1000_MiB};
  told.terms = {{0}, 30_MiB, 8};
  told.observations = 12;
  told.most_running = 10'000;
  why.explained.cpu_backlog = 50ms;
  return why;
}

Why inTheWay(PolicyKind kind, std::vector<Verdict> obstacles) {
  Why why = quiet();
  auto& told = why.explained.policy;
  told.answer = {kind, obstacles.front(), std::nullopt};
  for (const Verdict obstacle : obstacles) told.obstacles.push_back({obstacle});
  why.explained.answer.kind = kind == PolicyKind::kWaits ? Kind::kWaits : Kind::kRefused;
  why.explained.answer.reason =
      kind == PolicyKind::kWaits ? reasonOfWait(obstacles.front()) : reasonOfRefusal(told.answer);
  return why;
}

Why noRoom() {
  Why why = inTheWay(PolicyKind::kWaits, {Verdict::kNoMemory});
  why.explained.policy.memory = {policy::MemoryBook::Verdict::kNoRoom, 30_MiB, 1010_MiB, 1000_MiB};
  return why;
}

TEST(WhyTest, OneThatRunsHasNothingToChange) {
  const WhyWords words = wordsOf(quiet());
  EXPECT_EQ(words.answer, "a request to acme/resize would run now");
  EXPECT_THAT(words.to_run, IsEmpty());
  EXPECT_THAT(
      words.because,
      ElementsAre("memory: 100 MiB of 1000 MiB booked (capacity 1 GiB, 24 MiB held outside of invocations, mode "
                  "risk 0.001); this one would add 30 MiB: its declared limit is 30 MiB, and an estimate needs "
                  "100 peaks, of which 12 were seen",
                  "concurrency: 0 of at most 8 of the function run, 0 of its tenant with no bound of its own, "
                  "0 of at most 10000 in all",
                  "CPU: the backlog would let it begin in 0 ms; above 50 ms it waits in the queue",
                  "queue: nobody waits"));
}

TEST(WhyTest, AnEstimateIsTold) {
  Why why = quiet();
  why.explained.policy.observations = 340;
  why.explained.policy.estimate = policy::DemandEstimate{8_MiB, 1_MiB, 12_MiB, 340};
  why.explained.policy.memory.charge = 9_MiB;
  EXPECT_THAT(wordsOf(why).because.front(),
              HasSubstr("would add 9 MiB: 340 peaks were seen, 8 MiB on average, 12 MiB at most; its limit is 30 MiB"));
  why.explained.policy.mode = policy::BookingMode::declared();
  EXPECT_THAT(wordsOf(why).because.front(), HasSubstr("mode declared); this one would add 9 MiB, its declared limit"));
}

TEST(WhyTest, WhoHoldsTheMemoryAndWhoIsAhead) {
  Why why = noRoom();
  policy::Explanation& queue = why.explained.policy.queue;
  queue.waiting = 7;
  queue.waiting_of_tenant = 4;
  queue.waiting_of_function = 3;
  queue.ahead = 5;
  queue.expected_wait = 1500ms;
  queue.blocked_head = policy::BlockedHead{{}, Verdict::kNoMemory, {}, 64, false};
  why.blocked_head = "big/render";
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g"}) why.tenants.push_back({name, 2, 60_MiB, 1});
  const WhyWords words = wordsOf(why);
  EXPECT_EQ(words.answer, "a request to acme/resize would wait for memory (queue.memory)");
  EXPECT_THAT(words.because, testing::Contains("queue: 7 wait, 4 of its tenant, 3 of its function; 5 would come before "
                                               "it; it would wait 1.5 s"));
  EXPECT_THAT(words.because, testing::Contains("blocked head: a request to big/render waits for memory, has been "
                                               "overtaken 64 times and may not be any more"));
  EXPECT_THAT(words.because.back(), StartsWith("tenants: a runs 2 (limits 60 MiB), 1 wait; b runs 2"));
  EXPECT_THAT(words.because.back(), testing::EndsWith("e runs 2 (limits 60 MiB), 1 wait; and 2 more"));
  EXPECT_THAT(words.to_run,
              ElementsAre("10 MiB of booked memory come free by invocations that end, or capacity.memory is raised",
                          "the 5 that come before it are admitted"));
}

TEST(WhyTest, EveryObstacleIsNamedWithWhatMendsIt) {
  Why why = inTheWay(PolicyKind::kWaits, {Verdict::kFunctionBusy, Verdict::kTenantBusy, Verdict::kFunctionInDebt,
                                          Verdict::kNoMemory, Verdict::kNoCpu});
  auto& told = why.explained.policy;
  told.running = 8;
  told.running_of_tenant = 10;
  told.tenant_concurrency = 9;
  told.running_in_all = 10'000;
  why.explained.first_slice = {80ms, 370ms};
  EXPECT_THAT(
      wordsOf(why).to_run,
      ElementsAre("1 of the function's invocations end (limits.concurrency is 8)",
                  "2 of the tenant's invocations end (tenants.acme.concurrency is 9)",
                  "the function's CPU quota (limits.cpu) is refilled, 320 ms from now if nothing else of it runs",
                  "an invocation of any function ends (limits.invocations)",
                  "the backlog of the workers falls from 80 ms to 50 ms (cpu.backlog)"));
  EXPECT_EQ(json::parse(whyJson(why))["obstacles"], json({"queue.function_concurrency", "queue.tenant_concurrency",
                                                          "queue.cpu_quota", "queue.memory", "queue.cpu"}));
}

TEST(WhyTest, OfOneWhoseTenantIsOverItsShareBothAreTold) {
  Why why = inTheWay(PolicyKind::kWaits, {Verdict::kOverShare});
  auto& told = why.explained.policy;
  told.memory = {policy::MemoryBook::Verdict::kFits, 30_MiB, 930_MiB, 1000_MiB, 600_MiB};
  told.share_of_memory = {(500_MiB).value, (125_MiB).value};
  told.share_of_places = {5000, 1250};
  EXPECT_EQ(wordsOf(why).answer,
            "a request to acme/resize would wait for room that is not kept for other tenants (queue.tenant_share)");
  EXPECT_EQ(
      wordsOf(why).because[1],
      "share: its tenant would hold 600 MiB, which is more than its share of 500 MiB; 125 MiB are kept for others");
  EXPECT_THAT(wordsOf(why).to_run,
              ElementsAre("55 MiB of booked memory come free, or 100 MiB of what the tenant itself "
                          "holds (memory.for_others, tenants.acme.weight)"));
  const json numbers = json::parse(whyJson(why));
  EXPECT_EQ(numbers["share"]["memory"]["share_bytes"], 500 << 20);
  EXPECT_EQ(numbers["share"]["memory"]["kept_for_others_bytes"], 125 << 20);
  EXPECT_EQ(numbers["share"]["invocations"]["share"], 5000);
  told.memory.held = 400_MiB;
  EXPECT_EQ(wordsOf(why).because[1], "share: its tenant would hold 400 MiB of its share of 500 MiB");
  told.running_of_tenant = 6000;
  told.running_in_all = 8999;
  EXPECT_THAT(wordsOf(why).to_run, ElementsAre("250 invocations end, or 1001 of the tenant's own (limits.invocations, "
                                               "memory.for_others)"));
}

TEST(WhyTest, WhatCanNeverRunIsToldSo) {
  Why why = inTheWay(PolicyKind::kRefused, {Verdict::kNoMemory});
  why.explained.policy.memory.verdict = policy::MemoryBook::Verdict::kNever;
  why.explained.policy.terms.memory = 2_GiB;
  const WhyWords words = wordsOf(why);
  EXPECT_EQ(words.answer,
            "a request to acme/resize would be refused with 503 (refused.over_capacity): its memory limit is more than "
            "the capacity, so it can never run here");
  EXPECT_THAT(words.to_run, ElementsAre("capacity.memory is 2 GiB or more, or limits.memory of the function 1 GiB or "
                                        "less; no wait helps"));
}

TEST(WhyTest, ARefusalSaysByWhatBoundAndWhenToTryAgain) {
  Why why = noRoom();
  auto& told = why.explained.policy;
  told.answer.kind = PolicyKind::kRefused;
  told.answer.refusal = policy::Refusal{policy::RefusedBy::kDeadline, 3s, 4500ms};
  why.explained.answer = {Kind::kRefused, reasonOfRefusal(told.answer), 3s, Reason::kQueueMemory, 0};
  EXPECT_EQ(wordsOf(why).answer,
            "a request to acme/resize would be refused with 503 (refused.deadline): it would wait for memory (4.5 s "
            "expected), and has 2 s");
  const json told_json = json::parse(whyJson(why));
  EXPECT_EQ(told_json["answer"], "refused");
  EXPECT_EQ(told_json["status"], 503);
  EXPECT_EQ(told_json["reason"], "refused.deadline");
  EXPECT_EQ(told_json["retry_after_seconds"], 3);
  told.left_to_run = 200ms;
  EXPECT_THAT(wordsOf(why).answer, HasSubstr("and has 2 s, of which 200 ms are left for running"));
  told.answer.refusal->expected_wait.reset();
  EXPECT_THAT(wordsOf(why).answer, HasSubstr("(nobody knows how long)"));
  told.answer.refusal->expected_wait = 5820s;
  EXPECT_THAT(wordsOf(why).answer, HasSubstr("(5820 s expected)"));

  told.answer.refusal->by = policy::RefusedBy::kFunctionBound;
  told.queue.waiting_of_function = 5000;
  told.bounds.function = 5000;
  EXPECT_THAT(wordsOf(why).answer, HasSubstr("5000 requests of its function wait already, of at most 5000"));
  EXPECT_THAT(wordsOf(why).to_run.back(), HasSubstr("queue.*"));
}

TEST(WhyTest, OneThatMayOvertakeRuns) {
  Why why = inTheWay(PolicyKind::kWaits, {Verdict::kRun});
  why.explained.policy.obstacles.clear();
  why.explained.policy.queue.ahead = 1;
  EXPECT_EQ(json::parse(whyJson(why))["answer"], "waits");
  EXPECT_THAT(wordsOf(why).to_run, ElementsAre("the 1 that come before it are admitted"));
  why.explained.policy.admitted_by_next = true;
  EXPECT_EQ(json::parse(whyJson(why))["answer"], "runs");
  EXPECT_THAT(wordsOf(why).answer, HasSubstr("would run now: it may overtake"));
  EXPECT_THAT(wordsOf(why).to_run, IsEmpty());
}

TEST(WhyTest, ProgramsHaveTheSameInNumbers) {
  Why why = noRoom();
  why.program_loaded = false;
  why.tenants.assign(150, {"t", 1, 30_MiB, 0});
  const json told = json::parse(whyJson(why));
  EXPECT_EQ(told["words"]["answer"], wordsOf(why).answer);
  EXPECT_EQ(told["answer"], "waits");
  EXPECT_EQ(told["status"], nullptr);
  EXPECT_EQ(told["memory"]["bookable_bytes"], 1000 << 20);
  EXPECT_EQ(told["memory"]["estimate"], nullptr);
  EXPECT_EQ(told["concurrency"]["function"], json({{"running", 0}, {"most", 8}}));
  EXPECT_EQ(told["concurrency"]["tenant"]["most"], nullptr);
  EXPECT_EQ(told["cpu"]["backlog_bound_seconds"], 0.05);
  EXPECT_EQ(told["queue"]["expected_wait_seconds"], nullptr);
  EXPECT_EQ(told["program_loaded"], false);
  EXPECT_EQ(told["tenants"].size(), 100u);
  EXPECT_EQ(told["tenants_total"], 150);
}

}  // namespace
}  // namespace wasabi::box
