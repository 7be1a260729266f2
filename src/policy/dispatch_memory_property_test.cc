// The memory that a tenant's running requests are booked, against its limit: over random histories.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "policy/dispatch.h"

namespace wasabi::policy {
namespace {

using namespace std::chrono_literals;
using Kind = Dispatch::Answer::Kind;
using Going = Dispatch::Run;
using Books = Dispatch::VersionTerms::Books;

constexpr TimePoint kStart{};

// Two tenants with limits and one without, each with three functions of superpods and one of containers.
struct World {
  static constexpr std::uint32_t kTenants = 3;
  static constexpr std::uint32_t kEach = 4;
  static constexpr std::uint32_t kVersions = kTenants * kEach;
  static constexpr std::uint32_t kSuperpods = 2;

  Dispatch dispatch{QueueBounds{}};
  TimePoint now = kStart;
  std::vector<Going> running;
  std::map<Ticket, VersionId> waiting;
  std::map<TenantId, std::optional<ByteSize>> limits;
  Ticket last_ticket = 0;

  static TenantId tenantOf(VersionId version) { return {version.value / kEach}; }
  static bool isContainer(VersionId version) { return version.value % kEach == 3; }
  static ByteSize limitOf(VersionId version) { return ByteSize{(version.value % kEach + 1) * 10}; }
  // Two for each container function.
  static TargetId containerOf(VersionId version, std::uint32_t which) {
    return {kSuperpods + version.value / kEach * 2 + which};
  }

  World() {
    for (std::uint32_t i = 0; i < kTenants; ++i) setLimit({i}, i == 2 ? std::nullopt : std::optional(ByteSize{100}));
    for (std::uint32_t i = 0; i < kSuperpods; ++i) dispatch.addTarget({i}, {});
    for (std::uint32_t i = 0; i < kVersions; ++i) addVersion({i});
  }
  void addVersion(VersionId version) {
    dispatch.setFunction({version.value}, {tenantOf(version), 1000});
    dispatch.setVersion(
        version, {{version.value}, limitOf(version), isContainer(version) ? Books::kEachTarget : Books::kEachRequest});
    for (std::uint32_t i = 0; i < 2; ++i) {
      const TargetId target = isContainer(version) ? containerOf(version, i) : TargetId{i};
      if (isContainer(version)) dispatch.addTarget(target, {.size = 1, .most_running = 3});
      dispatch.serves(target, version);
    }
  }
  void setLimit(TenantId tenant, std::optional<ByteSize> memory) {
    Dispatch::TenantTerms terms;
    terms.memory = memory;
    limits[tenant] = memory;
    dispatch.setTenant(tenant, terms);
  }
  // What its runs are charged, counted anew.
  std::uint64_t charged(TenantId tenant) const {
    std::uint64_t sum = 0;
    std::map<TargetId, VersionId> containers;
    for (const Going& run : running) {
      if (tenantOf(run.version) != tenant) continue;
      sum += run.booked.value;
      if (isContainer(run.version)) containers.emplace(run.target, run.version);
    }
    for (const auto& container : containers) sum += limitOf(container.second).value;
    return sum;
  }
  void begins(const Going& run) {
    const TenantId tenant = tenantOf(run.version);
    const std::uint64_t before = charged(tenant);
    running.push_back(run);
    const std::uint64_t after = charged(tenant);
    if (limits[tenant] && after > before) RC_ASSERT(after <= limits[tenant]->value);
  }
  void arrive(VersionId version, Duration patience = 1h) {
    const auto answer = dispatch.arrive({++last_ticket, version, now, now + patience}, now);
    if (answer.kind == Kind::kGoes) begins(answer.run);
    if (answer.kind == Kind::kWaits) waiting.emplace(last_ticket, version);
    const auto limit = limits[tenantOf(version)];
    const bool never = limit && limitOf(version) > *limit;
    RC_ASSERT(never == (answer.kind == Kind::kRefused));
  }
  void call() {
    while (const auto next = dispatch.next(now)) {
      RC_ASSERT(waiting.erase(next->waited.waiter.ticket) == 1u);
      begins(next->run);
    }
  }
  Going take(std::size_t index) {
    std::swap(running[index], running.back());
    const Going run = running.back();
    running.pop_back();
    return run;
  }
  void check() const {
    for (std::uint32_t i = 0; i < kTenants; ++i) {
      RC_ASSERT(dispatch.tenantFigures({i}).booked.value == charged({i}));
      std::uint64_t of_versions = 0;
      for (std::uint32_t k = 0; k < kEach; ++k) of_versions += dispatch.figures(VersionId{i * kEach + k}).booked.value;
      RC_ASSERT(of_versions == charged({i}));
    }
  }
};

// However a request leaves its target: at its end, turned away, or replayed after a death; or the queue: by
// disconnect or deadline.
void step(World& world) {
  const VersionId version{*rc::gen::inRange(0u, World::kVersions)};
  const std::size_t which = *rc::gen::inRange<std::size_t>(0, 100);
  switch (*rc::gen::inRange(0, 10)) {
    case 0:
      if (!world.running.empty()) world.dispatch.ended(world.take(which % world.running.size()));
      break;
    case 1:
      if (world.running.empty()) break;
      {
        const Going run = world.take(which % world.running.size());
        if (which % 2 == 0) world.dispatch.diedUnder(run.version, run.target);
        world.dispatch.turnedAway(run, which % 3 == 0 ? Dispatch::Lack::kOwn : Dispatch::Lack::kShared, world.now);
        world.arrive(run.version);
      }
      break;
    case 2:
      if (world.waiting.empty()) break;
      RC_ASSERT(world.dispatch.cancel(world.waiting.begin()->first, world.now).has_value());
      world.waiting.erase(world.waiting.begin());
      break;
    case 3:
      world.dispatch.setBooking(version, ByteSize{1 + which % 50});
      break;
    case 4:
      world.setLimit({version.value % 2}, ByteSize{40 + which});
      break;
    case 5:
      world.now += std::chrono::milliseconds(which);
      break;
    default:
      world.arrive(version);
  }
  world.call();
  world.check();
}

RC_GTEST_PROP(DispatchMemoryProperty, NothingBeginsBeyondTheLimitAndEveryChargeReturnsOnce, ()) {
  World world;
  const int steps = *rc::gen::inRange(1, 300);
  for (int i = 0; i < steps; ++i) step(world);

  // Targets die: what runs there leaves all the same.
  for (std::uint32_t i = 0; i < World::kSuperpods; ++i) world.dispatch.closeTarget({i});
  while (!world.running.empty()) world.dispatch.ended(world.take(0));
  world.check();
  for (std::uint32_t i = 0; i < World::kTenants; ++i) RC_ASSERT(world.dispatch.tenantFigures({i}).booked.value == 0u);
}

// Small ones of three functions come all the time, more than fit; a large one that needs all of the limit goes when
// those have ended that had begun before nobody could overtake it any more.
RC_GTEST_PROP(DispatchMemoryProperty, ALargeOneWithinTheLimitIsNotStarvedBySmallOnesOfItsTenant, ()) {
  Dispatch dispatch{QueueBounds{}};
  Dispatch::TenantTerms terms;
  terms.memory = ByteSize{100};
  dispatch.setTenant(TenantId{0}, terms);
  dispatch.addTarget(TargetId{0}, {});
  const std::uint32_t functions = *rc::gen::inRange(2u, 8u);
  for (std::uint32_t i = 0; i < functions; ++i) {
    dispatch.setFunction({i}, {TenantId{0}, 1000});
    dispatch.setVersion({i}, {{i}, i == 0 ? ByteSize{100} : ByteSize{*rc::gen::inRange<std::uint64_t>(1, 30)}});
    dispatch.serves(TargetId{0}, {i});
  }
  const int longest = *rc::gen::inRange(1, 200);  // ms
  std::multimap<TimePoint, Going> running;
  TimePoint now = kStart;
  Ticket ticket = 0;
  const auto begin = [&](const Going& run) {
    running.emplace(now + std::chrono::milliseconds(*rc::gen::inRange(1, longest + 1)), run);
    return run.version == VersionId{0};
  };
  const auto arrive = [&](std::uint32_t version) {
    const auto answer = dispatch.arrive({++ticket, {version}, now, now + 1h}, now);
    return answer.kind == Kind::kGoes && begin(answer.run);
  };
  const auto oneTurn = [&] {
    for (std::uint32_t i = 1; i < functions; ++i) arrive(i);
    for (; !running.empty() && running.begin()->first <= now; running.erase(running.begin())) {
      dispatch.ended(running.begin()->second);
    }
    bool large = false;
    while (const auto call = dispatch.next(now)) large = begin(call->run) || large;
    now += 1ms;
    return large;
  };
  for (int i = 0; i < 200; ++i) oneTurn();
  const TimePoint since = now;
  bool gone = arrive(0);
  while (!gone) {
    gone = oneTurn();
    RC_ASSERT(now - since <=
              RequestQueue::kOvertakingTime + RequestQueue::kAskAgain + std::chrono::milliseconds(longest + 2));
  }
}

// What others get does not depend on what a tenant at its limit does.
RC_GTEST_PROP(DispatchMemoryProperty, OthersGoAtOnceWhateverATenantAtItsLimitDoes, ()) {
  World world;
  const int steps = *rc::gen::inRange(1, 300);
  for (int i = 0; i < steps; ++i) {
    world.arrive({*rc::gen::inRange(0u, 3u)});
    if (!world.running.empty() && *rc::gen::inRange(0, 4) == 0) {
      world.dispatch.ended(world.take(*rc::gen::inRange<std::size_t>(0, world.running.size())));
    }
    world.now += std::chrono::milliseconds(*rc::gen::inRange(0, 30));
    world.call();
    world.arrive({2 * World::kEach});
    world.call();
    RC_ASSERT(world.dispatch.figures(VersionId{2 * World::kEach}).waiting == 0u);
  }
}

}  // namespace
}  // namespace wasabi::policy
