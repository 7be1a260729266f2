// What one tenant may hold of what all share: admission with several tenants, of which some want all they can get.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "policy/admission.h"

namespace wasabi::policy {
namespace {

using namespace wasabi::literals;
using Kind = Admission::Answer::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr ByteSize kCapacity = 1000_MiB;

// Each function is of the tenant of its number modulo the tenants. Declared limits are booked, so that all can be
// counted again here.
class Shared {
 public:
  Shared(std::uint32_t tenants, double kept, BookingMode mode = BookingMode::declared(), std::uint64_t places = 100'000)
      : tenants_(tenants),
        kept_(kept),
        admission({kCapacity, mode, places, {}, kept}, [](FunctionId, TimePoint) { return CpuOutlook{}; }) {
    for (std::uint32_t i = 0; i < tenants; ++i) setWeight(i, 1);
  }
  void setWeight(std::uint32_t tenant, std::uint32_t weight) {
    admission.setTenant({{tenant}, weight, std::nullopt});
    weights_[tenant] = weight;
  }
  void function(std::uint32_t id, ByteSize memory) {
    admission.setFunction({id}, {tenantOf(id), memory, 100'000}, Admission::Code::kSame);
    sizes_[id] = memory.value;
  }
  TenantId tenantOf(std::uint32_t function) const { return {function % tenants_}; }

  // Whether it runs, at once or by the next().
  bool arrive(std::uint32_t id, Duration runs = seconds(1'000'000)) {
    const Ticket ticket = ++last_;
    runs_[ticket] = runs;
    arrived_[ticket] = now;
    const auto answer = admission.arrive({ticket, {id}, now, now + seconds(2'000'000)}, now);
    RC_ASSERT(answer.kind != Kind::kRefused);
    if (answer.kind == Kind::kRuns) {
      RC_ASSERT(admission.queue().empty());
      begin(ticket, id);
      return true;
    }
    admitAll();
    return admitted.contains(ticket);
  }
  void advance(Duration by) {
    const TimePoint end = now + by;
    while (now < end) {
      const TimePoint next = running_.empty() ? end : std::min(end, running_.begin()->first);
      now = std::clamp(next, now, now + milliseconds(10));  // as workers ask
      while (!running_.empty() && running_.begin()->first <= now) endOne();
      admitAll();
    }
  }
  std::uint64_t held(TenantId tenant) const {
    std::uint64_t sum = 0;
    for (const auto& [end, id] : running_) sum += tenantOf(id) == tenant ? sizes_.at(id) : 0;
    return sum;
  }
  std::uint64_t booked() const { return admission.book().booked().value; }
  double share(TenantId tenant) const {
    double all = 0;
    for (const auto& [id, weight] : weights_) all += weight;
    return static_cast<double>(kCapacity.value) * weights_.at(tenant.value) / all;
  }

  TimePoint now{seconds(1000)};
  std::map<Ticket, Duration> admitted;  // how long each waited

 private:
  void admitAll() {
    while (const auto waited = admission.next(now)) begin(waited->waiter.ticket, waited->waiter.function.value);
  }
  // The rule, once more: beyond its share only while what is kept stays free.
  void begin(Ticket ticket, std::uint32_t id) {
    const TenantId tenant = tenantOf(id);
    const std::uint64_t before = held(tenant);
    running_.emplace(now + runs_.at(ticket), id);
    admitted[ticket] = now - arrived_.at(ticket);
    const auto after = static_cast<double>(held(tenant));
    if (before == 0 || after <= share(tenant) || tenants_ == 1) return;
    RC_ASSERT(static_cast<double>(booked()) <= static_cast<double>(kCapacity.value) * (1 - kept_) + 2);
  }
  void endOne() {
    const std::uint32_t id = running_.begin()->second;
    running_.erase(running_.begin());
    admission.ended({id}, {sizes_.at(id)}, DemandHistory::Seen::kWhole, now, now);
  }

  std::uint32_t tenants_;
  double kept_;
  std::map<std::uint32_t, double> weights_;
  std::map<std::uint32_t, std::uint64_t> sizes_;
  std::multimap<TimePoint, std::uint32_t> running_;
  std::map<Ticket, Duration> runs_;
  std::map<Ticket, TimePoint> arrived_;
  Ticket last_ = 0;

 public:
  Admission admission;
};

int fill(Shared& box, std::uint32_t function) {
  int running = 0;
  while (running < 10'000 && box.arrive(function)) ++running;
  return running;
}

TEST(AdmissionShareTest, WhoWantsAllLeavesWhatIsKeptAndOthersTakeItAtOnce) {
  Shared box(2, 0.25);
  box.function(0, 100_MiB);
  box.function(1, 50_MiB);
  EXPECT_EQ(fill(box, 0), 7);
  const auto told = box.admission.explain({99, {0}, box.now, box.now + seconds(9)}, box.now);
  EXPECT_EQ(told.answer.because, Verdict::kOverShare);
  EXPECT_EQ(told.memory.held, 800_MiB);
  EXPECT_EQ(told.share_of_memory.share, (500_MiB).value);
  EXPECT_EQ(told.share_of_memory.kept, (250_MiB).value);
  EXPECT_EQ(fill(box, 1), 6);  // all there is, within its share
  EXPECT_EQ(box.admission.explain({99, {1}, box.now, box.now + seconds(9)}, box.now).answer.because,
            Verdict::kNoMemory);
}

TEST(AdmissionShareTest, OneTenantAloneMayHaveAll) {
  Shared box(1, 0.25);
  box.function(0, 100_MiB);
  EXPECT_EQ(fill(box, 0), 10);
}

TEST(AdmissionShareTest, WhatIsKeptIsGivenUpWhenTheOthersAreGone) {
  Shared box(2, 0.25);
  box.function(0, 100_MiB);
  EXPECT_EQ(fill(box, 0), 7);
  box.admission.setTenants({{{0}, 1, std::nullopt}});
  EXPECT_TRUE(box.admission.next(box.now + RequestQueue::kAskAgain));
}

TEST(AdmissionShareTest, PlacesAreSharedLikeMemory) {
  Shared box(2, 0.25, BookingMode::declared(), 20);
  box.function(0, 1_MiB);
  box.function(1, 1_MiB);
  EXPECT_EQ(fill(box, 0), 15);
  EXPECT_EQ(fill(box, 1), 5);
}

TEST(AdmissionShareTest, WhoMayNotHaveMoreIsAskedAgainWhenAnybodyEnds) {
  Shared box(2, 0.25);
  box.function(0, 100_MiB);
  box.function(1, 100_MiB);
  EXPECT_TRUE(box.arrive(1, milliseconds(5)));
  EXPECT_EQ(fill(box, 0), 6);
  box.advance(milliseconds(4));
  EXPECT_EQ(box.held({0}), (600_MiB).value);
  box.advance(milliseconds(1));
  EXPECT_EQ(box.held({0}), (700_MiB).value);
}

TEST(AdmissionShareTest, ByRiskATenantWithoutHistoryIsHeldToItsLimits) {
  Shared box(2, 0.25, BookingMode::riskOf(1e-3));
  box.function(0, 100_MiB);
  EXPECT_EQ(fill(box, 0), 7);
}

TEST(AdmissionShareTest, ByRiskWhatIsKeptCostsItsPartAndNoMore) {
  const auto atOnce = [](double kept) {
    Shared box(2, kept, BookingMode::riskOf(1e-3));
    box.function(0, 100_MiB);
    for (int i = 0; i < 200; ++i) {
      box.admission.arrive({static_cast<Ticket>(1'000'000 + i), {0}, box.now, box.now + seconds(9)}, box.now);
      box.admission.ended({0}, ByteSize{(2_MiB).value + static_cast<std::uint64_t>(i)}, DemandHistory::Seen::kWhole,
                          box.now, box.now);
    }
    return fill(box, 0);
  };
  const int without = atOnce(0);
  EXPECT_GT(without, 3 * 10) << "ten fit by their declared limits";
  EXPECT_NEAR(atOnce(0.125), 0.875 * without, 2);
}

// However one tenant goes about it (requests of any size up to its share, that never end), a request of another comes
// in at once that is no larger than what is kept, nor than what the first one's share leaves.
RC_GTEST_PROP(AdmissionSharePropertyTest, ATenantWithinItsShareFindsRoomAtOnce, ()) {
  const std::uint32_t tenants = *rc::gen::inRange<std::uint32_t>(2, 5);
  const double kept = *rc::gen::inRange(5, 50) / 100.0;
  Shared box(tenants, kept);
  for (std::uint32_t i = 0; i < tenants; ++i) box.setWeight(i, *rc::gen::inRange(1u, 10u));
  const double share = box.share({0});
  const auto sizes = *rc::gen::container<std::vector<double>>(
      5, rc::gen::map(rc::gen::inRange(1, 101), [](int percent) { return percent / 100.0; }));
  for (std::uint32_t i = 0; i < sizes.size(); ++i) {
    box.function(i * tenants, ByteSize{static_cast<std::uint64_t>(sizes[i] * share)});
  }
  const double room = std::min(kept * double(kCapacity.value), double(kCapacity.value) - share);
  const double part = *rc::gen::inRange(1, 101) / 100.0;
  const std::uint32_t victim = 5 * tenants + 1;
  box.function(victim, ByteSize{static_cast<std::uint64_t>(part * room) - 1});
  for (const auto which : *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::inRange(0u, 5u))) {
    box.arrive(which * tenants);
    box.advance(milliseconds(which * 40));
  }
  RC_ASSERT(box.arrive(victim));
}

// A request of any size comes in through floods of its own tenant and of others: when it has its turn, nobody of its
// tenant passes it for longer than may be, until its tenant holds nothing else; then nobody at all does, until there is
// room.
RC_GTEST_PROP(AdmissionSharePropertyTest, ALargeRequestComesInThroughFloodsOfItsOwnTenantAndOfOthers, ()) {
  const std::uint32_t tenants = *rc::gen::inRange<std::uint32_t>(2, 4);
  Shared box(tenants, *rc::gen::inRange(5, 50) / 100.0);
  const std::uint32_t functions = tenants * *rc::gen::inRange<std::uint32_t>(1, 3);
  for (std::uint32_t id = 0; id < functions; ++id) box.function(id, 20_MiB);
  const std::uint32_t large = functions;  // of the first tenant
  box.function(large, ByteSize{kCapacity.value / 100 * *rc::gen::inRange<std::uint64_t>(10, 101)});
  const auto runs = *rc::gen::container<std::vector<Duration>>(
      7, rc::gen::map(rc::gen::inRange(5, 50), [](int n) { return Duration(milliseconds(n)); }));
  const Duration longest = *std::max_element(runs.begin(), runs.end());
  std::size_t n = 0;
  const auto floodFor = [&](Duration time, const auto& enough) {
    for (const TimePoint end = box.now + time; box.now < end && !enough(); box.advance(milliseconds(1))) {
      for (std::uint32_t id = 0; id < functions; ++id) {
        while (box.admission.queue().waitingOf(FunctionId{id}) < 60) box.arrive(id, runs[n++ % runs.size()]);
      }
    }
  };
  const auto waits = [&] { return box.admission.queue().waitingOf(FunctionId{large}) > 0; };
  floodFor(milliseconds(300), [] { return false; });
  if (box.arrive(large, longest)) return;
  const Duration its_turn = functions * longest;
  const Duration each = RequestQueue::kOvertakingTime + longest + milliseconds(10);
  floodFor(its_turn + 2 * each, [&] { return !waits(); });
  RC_ASSERT(!waits());
}

// The rule itself is checked at each admission (Shared::begin). And it keeps nobody out who could come in by it: of
// those who wait, each head lacks room, or is over its share and would reach into what is kept, or may not overtake.
RC_GTEST_PROP(AdmissionSharePropertyTest, NothingLiesIdleButWhatIsKept, ()) {
  const std::uint32_t tenants = *rc::gen::inRange<std::uint32_t>(1, 4);
  const double kept = *rc::gen::inRange(0, 50) / 100.0;
  Shared box(tenants, kept);
  for (std::uint32_t i = 0; i < tenants; ++i) box.setWeight(i, *rc::gen::inRange(1u, 5u));
  const std::uint32_t functions = 2 * tenants;
  for (std::uint32_t id = 0; id < functions; ++id) {
    box.function(id, ByteSize{(1_MiB).value * *rc::gen::inRange<std::uint64_t>(5, 400)});
  }
  using Step = std::pair<std::uint32_t, int>;
  const auto steps =
      *rc::gen::container<std::vector<Step>>(rc::gen::pair(rc::gen::inRange(0u, functions), rc::gen::inRange(0, 60)));
  for (const auto& [id, number] : steps) {
    box.arrive(id, milliseconds(number * 3 + 1));
    box.advance(milliseconds(number % 7));
    const auto blocked = box.admission.queue().blockedHead(box.now);
    for (std::uint32_t other = 0; other < functions; ++other) {
      if (box.admission.queue().waitingOf(FunctionId{other}) == 0) continue;
      const auto told = box.admission.explain({1'000'000, {other}, box.now, box.now + seconds(9)}, box.now);
      if (!told.obstacles.empty()) {
        const double room = double(kCapacity.value) * (1 - kept);
        if (told.answer.because == Verdict::kOverShare) RC_ASSERT(double(told.memory.booked.value) > room - 2);
        continue;
      }
      // It may wait behind its tenant's head that does not fit, or behind the blocked head.
      bool behind = blocked.has_value();
      for (std::uint32_t of = other % tenants; of < functions; of += tenants) {
        if (box.admission.queue().waitingOf(FunctionId{of}) == 0) continue;
        const auto head = box.admission.explain({1'000'000, {of}, box.now, box.now + seconds(9)}, box.now);
        behind = behind || head.answer.because == Verdict::kOverShare;
      }
      RC_ASSERT(behind);
    }
  }
}

}  // namespace
}  // namespace wasabi::policy
