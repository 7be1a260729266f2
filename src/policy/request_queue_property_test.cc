#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>

#include "policy/request_queue_world.h"

namespace wasabi::policy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Step {
  int kind = 0;
  Arrival arrival;
  std::size_t which = 0;
  Duration pause{};
};

void showValue(const Step& step, std::ostream& out) {
  out << "{" << step.kind << ", f" << step.arrival.function << ", " << step.arrival.memory << " B, cost "
      << step.arrival.cost << ", runs " << toString(step.arrival.runs) << ", waits " << toString(step.arrival.patience)
      << ", which " << step.which << ", pause " << toString(step.pause) << "}";
}

rc::Gen<Duration> millisecondsBetween(int least, int most) {
  return rc::gen::map(rc::gen::inRange(least, most + 1), [](int n) { return Duration(milliseconds(n)); });
}

struct Kinds {
  int longest_run = 40;
  int longest_patience = 600;
  bool everything = true;  // else arrivals only
};

rc::Gen<std::vector<Step>> histories(const Kinds& kinds) {
  const auto arrival = rc::gen::build<Arrival>(
      rc::gen::set(&Arrival::function, rc::gen::inRange<std::uint32_t>(0, 12)),
      // Many small ones and a few large.
      rc::gen::set(&Arrival::memory,
                   rc::gen::weightedOneOf<std::uint64_t>(
                       {{4, rc::gen::inRange<std::uint64_t>(1, 3)}, {1, rc::gen::inRange<std::uint64_t>(3, 13)}})),
      rc::gen::set(&Arrival::cost, rc::gen::map(rc::gen::inRange(1, 11), [](int n) { return double(n); })),
      rc::gen::set(&Arrival::runs, millisecondsBetween(1, kinds.longest_run)),
      rc::gen::set(&Arrival::patience, millisecondsBetween(1, kinds.longest_patience)));
  const auto step = rc::gen::build<Step>(
      rc::gen::set(&Step::kind, kinds.everything ? rc::gen::inRange(0, 10) : rc::gen::just(0)),
      rc::gen::set(&Step::arrival, arrival), rc::gen::set(&Step::which, rc::gen::inRange<std::size_t>(0, 100)),
      rc::gen::set(&Step::pause, rc::gen::weightedOneOf<Duration>(
                                     {{5, millisecondsBetween(0, 3)}, {1, millisecondsBetween(0, 60)}})));
  return rc::gen::resize(400, rc::gen::container<std::vector<Step>>(step));
}

void play(World& world, const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    if (step.kind == 9) {
      world.disconnect(step.which);
    } else if (step.kind == 8) {
      world.putInDebt(step.arrival.function, step.arrival.runs * 4);
    } else {
      world.arrive(step.arrival);
    }
    world.advance(step.pause);
  }
}

WorldPlan anyPlan() {
  WorldPlan plan;
  plan.bounds.total = *rc::gen::inRange<std::size_t>(1, 60);
  plan.bounds.tenant = *rc::gen::inRange<std::size_t>(1, 30);
  plan.bounds.function = *rc::gen::inRange<std::size_t>(1, 20);
  plan.memory = *rc::gen::inRange<std::uint64_t>(1, 13);
  plan.tenants = *rc::gen::inRange<std::uint32_t>(1, 5);
  plan.functions_of_each = *rc::gen::inRange<std::uint32_t>(1, 4);
  plan.function_limit = *rc::gen::inRange<std::size_t>(0, 4);
  plan.tenant_limit = *rc::gen::inRange<std::size_t>(0, 5);
  return plan;
}

// What World checks after each event: every ticket leaves exactly once, bounds, places that are free at once, nobody
// waits who could run within the overtaking rule, and nobody passes beyond it.
RC_GTEST_PROP(RequestQueueProperty, HoldsItsRulesInAnyHistory, ()) {
  World world(anyPlan());
  play(world, *histories({}));
  world.drain();
  std::set<std::string> once(world.history.begin(), world.history.end());
  RC_ASSERT(once.size() == world.history.size());
}

RC_GTEST_PROP(RequestQueueProperty, SameHistorySameDecisions, ()) {
  const WorldPlan plan = anyPlan();
  const auto steps = *histories({});
  World world(plan);
  play(world, steps);
  World again(plan);
  play(again, steps);
  RC_ASSERT(world.history == again.history);
  // So does a copy, whatever becomes of the one it was copied from.
  RequestQueue copy = world.queue;
  const Judge all_fit = [](const Waiter&) { return Judgement{Verdict::kRun}; };
  std::vector<Ticket> of_one;
  std::vector<Ticket> of_other;
  while (const auto next = world.queue.next(world.now, all_fit)) of_one.push_back(next->waiter.ticket);
  while (const auto next = copy.next(world.now, all_fit)) of_other.push_back(next->waiter.ticket);
  RC_ASSERT(of_one == of_other);
}

// The bound of request_queue.h: a blocked head whose own limits are not in the way waits at most kOvertakingTime, and
// then until all that ran at that moment have ended.
RC_GTEST_PROP(RequestQueueProperty, AHeadOfLineWaitsFinitelyWhateverTheOthersDo, ()) {
  WorldPlan plan = anyPlan();
  plan.bounds = {};
  plan.function_limit = plan.tenant_limit = 0;
  World world(plan);
  Kinds kinds;
  kinds.longest_patience = 1'000'000;
  auto steps = *histories(kinds);
  std::erase_if(steps, [](const Step& step) { return step.kind == 8; });
  play(world, steps);
  world.drain();
  RC_ASSERT(world.longest_block <= RequestQueue::kOvertakingTime + world.longest_run);
}

// ... and any request waits at most so long for each that is before it in its line and for each line that competes.
RC_GTEST_PROP(RequestQueueProperty, ALargeRequestIsAdmittedThroughAFloodOfSmallOnes, ()) {
  WorldPlan plan;
  plan.memory = *rc::gen::inRange<std::uint64_t>(2, 20);
  plan.tenants = *rc::gen::inRange<std::uint32_t>(1, 4);
  plan.functions_of_each = *rc::gen::inRange<std::uint32_t>(2, 4);
  const auto runs = *rc::gen::container<std::vector<Duration>>(7, millisecondsBetween(5, 50));
  const std::uint32_t large_ones = *rc::gen::inRange<std::uint32_t>(1, 3);
  World world(plan);
  std::vector<Ticket> large;
  std::size_t n = 0;
  const TimePoint start = world.now;
  while (world.now < start + seconds(3)) {
    // Twice as much as fits is always waiting of each small function.
    for (std::uint32_t f = large_ones; f < world.functions(); ++f) {
      while (world.queue.waitingOf(FunctionId{f}) < 2 * plan.memory) {
        world.arrive({f, 1, 1, runs[n++ % runs.size()], seconds(1000)});
      }
    }
    for (std::uint32_t f = 0; f < large_ones; ++f) {
      if (world.queue.waitingOf(FunctionId{f}) > 0) continue;
      if (const auto ticket = world.arrive({f, plan.memory, 1, runs[n++ % runs.size()], seconds(1000)})) {
        large.push_back(*ticket);
      }
    }
    world.advance(milliseconds(5));
  }
  RC_ASSERT(world.longest_block <= RequestQueue::kOvertakingTime + world.longest_run);
  const Duration each = RequestQueue::kOvertakingTime + 2 * world.longest_run;
  RC_ASSERT(large.size() >= large_ones * 2);
  for (const Ticket ticket : large) {
    const auto found = world.waited.find(ticket);
    const Duration waited = found != world.waited.end() ? found->second : world.now - world.waiting.at(ticket).arrival;
    RC_ASSERT(waited <= 2 * world.functions() * each);
  }
}

// What each got since it always had waiters, divided by its weight; `most` of one request.
class Shares {
 public:
  // Those of the same group are compared: a and b are if `a % groups == b % groups`.
  Shares(std::size_t members, std::size_t groups, double most)
      : groups_(groups), most_(most), weight_(members, 1), got_(members), pairs_(members) {
    for (auto& row : pairs_) row.resize(members);
  }
  void setWeight(std::size_t member, double weight) { weight_[member] = weight; }
  void charge(std::size_t member, double cost, bool out_of_turn) {
    got_[member] += cost;
    if (!out_of_turn) return;
    for (std::size_t other = 0; other < got_.size(); ++other) {
      pairs_[std::min(member, other)][std::max(member, other)].out_of_turn = true;
    }
  }
  // Between any two moments since both had waiters all the time, they got the same to within one request of each; two
  // where one of them was admitted out of turn.
  void check(const std::function<bool(std::size_t)>& waits) {
    for (std::size_t a = 0; a < got_.size(); ++a) {
      for (std::size_t b = a + groups_; b < got_.size(); b += groups_) {
        Range& range = pairs_[a][b];
        const double ahead = got_[a] / weight_[a] - got_[b] / weight_[b];
        if (!range.open) range = {true, range.out_of_turn, ahead, ahead};
        range.least = std::min(range.least, ahead);
        range.most = std::max(range.most, ahead);
        const double requests = range.out_of_turn ? 2 : 1;
        RC_ASSERT(range.most - range.least <= requests * (most_ / weight_[a] + most_ / weight_[b]) + 1e-6);
        if (!waits(a) || !waits(b)) range = {};
      }
    }
  }

 private:
  struct Range {
    bool open = false;
    bool out_of_turn = false;
    double least = 0;
    double most = 0;
  };
  std::size_t groups_;
  double most_;
  std::vector<double> weight_;
  std::vector<double> got_;
  std::vector<std::vector<Range>> pairs_;
};

RC_GTEST_PROP(RequestQueueProperty, SharesAreWithinOneRequestOfTheWeights, ()) {
  WorldPlan plan;
  plan.memory = *rc::gen::inRange<std::uint64_t>(1, 4);
  plan.tenants = *rc::gen::inRange<std::uint32_t>(2, 4);
  plan.functions_of_each = *rc::gen::inRange<std::uint32_t>(1, 4);
  World world(plan);
  Shares tenants(plan.tenants, 1, 10);
  Shares functions(world.functions(), plan.tenants, 10);  // as World gives them to tenants
  for (std::uint32_t t = 0; t < plan.tenants; ++t) {
    const double weight = *rc::gen::inRange(1, 5);
    world.queue.setWeight({t}, weight);
    tenants.setWeight(t, weight);
  }
  world.on_admission = [&](const Waiter& waiter, bool out_of_turn) {
    tenants.charge(waiter.tenant.value, waiter.cost, out_of_turn);
    functions.charge(waiter.function.value, waiter.cost, out_of_turn);
  };
  world.on_departure = [&] {
    tenants.check([&](std::size_t t) { return world.queue.waitingOf(TenantId{std::uint32_t(t)}) > 0; });
    functions.check([&](std::size_t f) { return world.queue.waitingOf(FunctionId{std::uint32_t(f)}) > 0; });
  };
  Kinds kinds;
  kinds.longest_run = 8;
  kinds.longest_patience = 1'000'000;
  auto steps = *histories(kinds);
  std::erase_if(steps, [](const Step& step) { return step.kind == 8; });
  for (Step& step : steps) {
    step.arrival.memory = 1;
    step.pause = std::min<Duration>(step.pause, milliseconds(8));
  }
  play(world, steps);
}

RC_GTEST_PROP(RequestQueueProperty, RemovingFreesItsPlaceAtOnce, ()) {
  WorldPlan plan = anyPlan();
  RequestQueue queue(plan.bounds);
  const TimePoint now{seconds(1000)};
  Waiter waiter;
  waiter.deadline = now + seconds(10);
  std::vector<Waiter> queued;
  for (const auto function : *rc::gen::container<std::vector<std::uint32_t>>(80, rc::gen::inRange(0u, 6u))) {
    ++waiter.ticket;
    waiter.function = {function};
    waiter.tenant = {function % 2};
    if (!queue.offer(waiter, now)) queued.push_back(waiter);
  }
  while (!queued.empty()) {
    const std::size_t which = *rc::gen::inRange<std::size_t>(0, queued.size());
    const Waiter gone = queued[which];
    RC_ASSERT(queue.remove(gone.ticket, now));
    Waiter instead = gone;
    instead.ticket = ++waiter.ticket;
    // The place is there for all; the tenant itself may meanwhile hold as much as it may beside so few free ones.
    const std::size_t free = plan.bounds.total - queue.size();
    if (queue.waitingOf(instead.tenant) >= RequestQueue::kShareOfFree * free) {
      instead.tenant = {9};
      instead.function = {9};
    }
    RC_ASSERT(!queue.offer(instead, now));
    RC_ASSERT(queue.remove(instead.ticket, now));
    queued.erase(queued.begin() + static_cast<std::ptrdiff_t>(which));
    RC_ASSERT(queue.size() == queued.size());
  }
}

}  // namespace
}  // namespace wasabi::policy
