#include "policy/eviction.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

namespace wasabi::policy {
namespace {

using namespace wasabi::literals;
using std::chrono::seconds;
using Outcome = Eviction::Outcome;

EvictionCandidate waiting(std::uint64_t token, std::uint32_t tenant, ByteSize held, int started) {
  return {.token = token,
          .tenant = {tenant},
          .held = held,
          .started = TimePoint(seconds(started)),
          .waits_for_growth = true};
}

TEST(EvictionTest, TheYoungestOfTheTenantMostOverItsShareGoes) {
  const std::vector<EvictionCandidate> all = {waiting(1, 1, 40_MiB, 1), waiting(2, 1, 10_MiB, 3),
                                              waiting(3, 1, 10_MiB, 2), waiting(4, 2, 50_MiB, 9)};
  const auto eviction = chooseVictim(all);
  EXPECT_EQ(eviction.outcome, Outcome::kEvict);
  EXPECT_EQ(eviction.token, 2U);
  EXPECT_EQ(eviction.tenant, TenantId{1});
  EXPECT_EQ(eviction.frees, 10_MiB);
  EXPECT_TRUE(eviction.requeue);
}

TEST(EvictionTest, SharesGoByWeight) {
  std::vector<EvictionCandidate> all = {waiting(1, 1, 60_MiB, 1), waiting(2, 2, 40_MiB, 1)};
  all[0].weight = 3;
  EXPECT_EQ(chooseVictim(all).token, 2U);
  all[0].weight = 1;
  EXPECT_EQ(chooseVictim(all).token, 1U);
}

TEST(EvictionTest, WhoHasActedIsNotRunAgain) {
  std::vector<EvictionCandidate> all = {waiting(1, 1, 60_MiB, 1), waiting(2, 2, 40_MiB, 1)};
  all[0].acted = true;
  const auto eviction = chooseVictim(all);
  EXPECT_EQ(eviction.token, 1U);
  EXPECT_FALSE(eviction.requeue);
}

TEST(EvictionTest, WhoIsAloneIsNotRunAgain) {
  const std::vector<EvictionCandidate> all = {waiting(1, 1, 60_MiB, 1), waiting(2, 2, 0_B, 2)};
  const auto eviction = chooseVictim(all);
  EXPECT_EQ(eviction.token, 1U);
  EXPECT_FALSE(eviction.requeue);
}

TEST(EvictionTest, NobodyGoesWhileSomebodyWithMemoryGoesOn) {
  std::vector<EvictionCandidate> all = {waiting(1, 1, 60_MiB, 1), waiting(2, 2, 1_B, 1)};
  all[1].waits_for_growth = false;
  EXPECT_EQ(chooseVictim(all).outcome, Outcome::kWaitingResolves);
  // Who goes on but holds nothing has nothing to give back.
  all[1].held = 0_B;
  EXPECT_EQ(chooseVictim(all).outcome, Outcome::kEvict);
}

TEST(EvictionTest, NobodyGoesWithoutNeed) {
  EXPECT_EQ(chooseVictim({}).outcome, Outcome::kNobodyWaits);
  std::vector<EvictionCandidate> all = {waiting(1, 1, 60_MiB, 1)};
  all[0].waits_for_growth = false;
  EXPECT_EQ(chooseVictim(all).outcome, Outcome::kNobodyWaits);
  EXPECT_EQ(chooseVictim(std::vector{waiting(1, 1, 0_B, 1)}).outcome, Outcome::kNobodyHolds);
  EXPECT_FALSE(toString(Outcome::kNobodyHolds).empty());
}

// Whoever goes waits, holds memory, is the youngest of its tenant's holders, and no tenant holds more for its weight;
// the order of the candidates changes nothing; and it ends: evicting again and again leaves nobody waiting that holds.
RC_GTEST_PROP(EvictionTest, AlwaysTakesTheRightOne, ()) {
  const auto raw = *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::arbitrary<std::uint32_t>());
  const bool all_wait = *rc::gen::arbitrary<bool>();
  std::vector<EvictionCandidate> all;
  for (const std::uint32_t bits : raw) {
    auto candidate = waiting(all.size(), bits % 4, {(bits >> 2) % 8}, static_cast<int>((bits >> 5) % 4));
    candidate.weight = 1 + bits % 4;
    candidate.acted = (bits >> 7) % 2 == 0;
    candidate.waits_for_growth = all_wait || (bits >> 8) % 8 != 0;
    all.push_back(candidate);
  }
  while (true) {
    const auto eviction = chooseVictim(all);
    auto reversed = all;
    std::reverse(reversed.begin(), reversed.end());
    RC_ASSERT(chooseVictim(reversed).outcome == eviction.outcome);
    RC_ASSERT(chooseVictim(reversed).token == eviction.token);
    const bool resolves =
        std::any_of(all.begin(), all.end(), [](const auto& c) { return !c.waits_for_growth && c.held.value > 0; });
    if (resolves) RC_ASSERT(eviction.outcome != Outcome::kEvict);
    if (eviction.outcome != Outcome::kEvict) break;

    const auto victim = std::find_if(all.begin(), all.end(), [&](const auto& c) { return c.token == eviction.token; });
    RC_ASSERT(victim != all.end());
    RC_ASSERT(victim->waits_for_growth);
    RC_ASSERT(victim->held.value > 0);
    RC_ASSERT(!(eviction.requeue && victim->acted));
    std::map<TenantId, double> per_weight;
    for (const auto& c : all) {
      per_weight[c.tenant] += static_cast<double>(c.held.value) / c.weight;
      if (c.tenant == victim->tenant && c.held.value > 0) RC_ASSERT(c.started <= victim->started);
    }
    for (const auto& [tenant, held] : per_weight) RC_ASSERT(held <= per_weight[victim->tenant] + 1e-9);
    all.erase(victim);
  }
}

}  // namespace
}  // namespace wasabi::policy
