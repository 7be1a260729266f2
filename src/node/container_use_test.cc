// What containers use: whose it is, and what follows for how many there are.
#include <algorithm>
#include <string>

#include "node/container_fleet_fixture.h"

namespace wasabi::node {
namespace {

using Manners = FakeContainers::Manners;

Manners usingHalfACore() {
  Manners manners;
  manners.cores = 0.5;
  manners.memory = ByteSize{1 << 20};
  return manners;
}

TEST_F(ContainerFleetTest, WhatAContainerUsesIsItsTenantsToTheLast) {
  containers_.setManners(usingHalfACore());
  deploy({{"shop", ""}});
  begin();
  ASSERT_TRUE(bringUp("shop"));
  ASSERT_TRUE(runUntil([&] { return used_["acme"].cpu_seconds > 0; })) << "while it runs";
  const PoolFigures::OfContainer seen = figures("shop").containers.at(0);
  EXPECT_GT(seen.cores.value, 0);
  EXPECT_EQ(seen.memory, ByteSize{1 << 20});
  fleet_->drain();
  ASSERT_TRUE(runUntil([&] { return fleet_->empty(); }));
  const double cpu = toSeconds(containers_.cpuOfEnded());
  EXPECT_NEAR(used_["acme"].cpu_seconds, cpu, 1e-6);
  EXPECT_NEAR(fleet_->figures().cpu_seconds, cpu, 1e-6);
  EXPECT_GT(used_["acme"].memory_byte_seconds, 0);
}

TEST_F(ContainerFleetTest, WhatNobodySawOfOneThatDiedIsCounted) {
  rules_.measured_each = 1h;
  containers_.setManners(usingHalfACore());
  deploy({{"shop", ""}});
  begin();
  const auto target = serve(numberOf("shop"));
  ASSERT_TRUE(target);
  runFor(50ms);
  containers_.crash((*target)->name);
  ASSERT_TRUE(runUntil([&] { return figures("shop").died == 1; }));
  EXPECT_GT(used_["acme"].cpu_seconds, 0);
  EXPECT_NEAR(used_["acme"].cpu_seconds, toSeconds(containers_.cpuOfEnded()), 1e-6);
}

// As with crun, which removes the control groups first.
TEST_F(ContainerFleetTest, WhereNothingIsToldOfTheEndItIsReadBefore) {
  rules_.measured_each = 1h;
  Manners manners = usingHalfACore();
  manners.tells_its_last_use = false;
  containers_.setManners(manners);
  deploy({{"shop", ""}});
  begin();
  ASSERT_TRUE(bringUp("shop"));
  runFor(50ms);
  EXPECT_EQ(used_["acme"].cpu_seconds, 0);
  fleet_->drain();
  ASSERT_TRUE(runUntil([&] { return fleet_->empty(); }));
  EXPECT_GT(used_["acme"].cpu_seconds, 0);
}

TEST_F(ContainerFleetTest, WhatStillRunsAtTheEndOfTheServerIsCounted) {
  rules_.measured_each = 1h;
  containers_.setManners(usingHalfACore());
  deploy({{"shop", ""}});
  begin();
  ASSERT_TRUE(bringUp("shop"));
  runFor(50ms);
  fleet_.reset();
  EXPECT_GT(used_["acme"].cpu_seconds, 0);
}

TEST_F(ContainerFleetTest, WhoUsesItsWholeQuotaGetsMoreContainers) {
  containers_.setManners(usingHalfACore());
  deploy({{"shop", "scale = { max = 3 }\n[limits]\ncpu = '500m'\n"}});
  begin();
  ASSERT_TRUE(serve(numberOf("shop")));
  EXPECT_TRUE(runUntil([&] { return ready("shop") == 3; })) << "one request would be content with one";
  EXPECT_EQ(figures("shop").scaled_by, policy::Metric::kCpu);
}

TEST_F(ContainerFleetTest, WithoutAQuotaWhatIsUsedAsksForNoMore) {
  containers_.setManners(usingHalfACore());
  deploy({{"shop", "scale = { max = 3 }\n"}, {"quick", "scale = { max = 3 }\n[limits]\ncpu = '500m'\n"}});
  begin();
  ASSERT_TRUE(serve(numberOf("shop")));
  ASSERT_TRUE(serve(numberOf("quick")));
  ASSERT_TRUE(runUntil([&] { return ready("quick") == 3; }));
  EXPECT_EQ(figures("shop").containers.size(), 1u);
}

TEST_F(ContainerFleetTest, WhatComputesForItselfGoesWithoutRequests) {
  containers_.setManners(usingHalfACore());
  deploy({{"shop", "scale = { max = 2 }\n[limits]\ncpu = '500m'\n"}});
  begin();
  const policy::VersionId shop = numberOf("shop");
  const auto target = serve(shop);
  ASSERT_TRUE(target);
  ASSERT_TRUE(runUntil([&] { return ready("shop") == 2; }));
  end(shop, (*target)->id);
  EXPECT_TRUE(runUntil([&] { return containers_.running() == 0; }));
}

TEST_F(ContainerFleetTest, WhereALookReadsFewAllHaveTheirTurn) {
  rules_.measured_each = Duration::zero();
  rules_.most_measured = 1;
  containers_.setManners(usingHalfACore());
  const std::string small = "scale = { min = 3, max = 3 }\n[limits]\nmemory = '64MiB'\n";
  deploy({{"news", small}, {"shop", small}});
  begin();
  const auto seen = [&](const char* function) {
    const PoolFigures told = figures(function);
    return std::ranges::count_if(told.containers, [](const auto& one) { return one.memory.value > 0; });
  };
  EXPECT_TRUE(runUntil([&] { return seen("news") == 3 && seen("shop") == 3; }));
}

}  // namespace
}  // namespace wasabi::node
