#include "policy/drain_candidate.h"

#include <gtest/gtest.h>

#include <vector>

namespace wasabi::policy {
namespace {

using Reason = DrainChoice::Reason;

SuperpodView superpod(std::uint64_t booked, std::uint32_t versions, SuperpodState state = SuperpodState::kReady) {
  SuperpodView view;
  view.state = state;
  view.capacity = {1000};
  view.booked = {booked};
  view.versions = versions;
  return view;
}

void expectGoes(const std::vector<SuperpodView>& superpods, std::size_t which,
                const std::vector<HostedFunction>& functions = {}) {
  const DrainChoice choice = drainCandidate(superpods, std::nullopt, functions);
  EXPECT_EQ(choice.reason, Reason::kEmptiest);
  EXPECT_EQ(choice.superpod, which);
}

TEST(DrainCandidateTest, TheOneFromWhichTheLeastHasToMove) {
  expectGoes({superpod(30, 1), superpod(20, 9), superpod(40, 0)}, 1);
  expectGoes({superpod(20, 3), superpod(20, 2), superpod(20, 3)}, 1);
  expectGoes({superpod(20, 3), superpod(20, 3), superpod(20, 3)}, 2);
  expectGoes({superpod(0, 0, SuperpodState::kStarting), superpod(0, 0)}, 0);
}

TEST(DrainCandidateTest, NeverOneThatAFunctionNeeds) {
  const std::vector<SuperpodView> superpods{superpod(10, 1), superpod(20, 1), superpod(30, 1)};
  const std::vector<std::uint32_t> two{0, 1};
  expectGoes(superpods, 0, {{1, two}});
  expectGoes(superpods, 2, {{2, two}});
  expectGoes(superpods, 0, {{0, two}});
  const std::vector<std::uint32_t> all{0, 1, 2};
  EXPECT_EQ(drainCandidate(superpods, std::nullopt, std::vector<HostedFunction>{{3, all}}).reason, Reason::kAllNeeded);
}

TEST(DrainCandidateTest, OneThatDrainsAlreadyHostsNothingAnyMore) {
  const std::vector<SuperpodView> superpods{superpod(0, 1, SuperpodState::kDraining), superpod(20, 1), superpod(30, 1)};
  const std::vector<std::uint32_t> two{0, 1};
  expectGoes(superpods, 2, {{1, two}});
}

TEST(DrainCandidateTest, OfThePoolOnlyAndNeverAQuarantine) {
  std::vector<SuperpodView> superpods{superpod(10, 1), superpod(20, 1), superpod(30, 1)};
  superpods[0].dedicated_to = TenantId{1};
  superpods[1].quarantine_of = VersionId{1};
  expectGoes(superpods, 2);
  EXPECT_EQ(drainCandidate(superpods, TenantId{1}, {}).superpod, 0U);
  EXPECT_EQ(drainCandidate(superpods, TenantId{2}, {}).reason, Reason::kNoSuperpod);
}

}  // namespace
}  // namespace wasabi::policy
