// How many superpods there are, and for whom.
#include <algorithm>

#include "node/fleet_fixture.h"

namespace wasabi::node {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class FleetScalingTest : public FleetTest {
 protected:
  FleetScalingTest() { settings_.idle_period = 1s; }
  std::uint32_t countOf(const std::string& made_for) const {
    const std::vector<std::string> words = madeFor();
    return static_cast<std::uint32_t>(std::count(words.begin(), words.end(), made_for));
  }
};

TEST_F(FleetScalingTest, WithoutLoadTheSpareAloneIsLeft) {
  const auto hello = serveHello();
  ASSERT_TRUE(hello);
  end(hello->version, hello->target->id);
  ASSERT_TRUE(runUntil([&] { return ready() == 2; }));
  EXPECT_TRUE(runUntil([&] { return ready() == 1 && backend_.running() == 1; }));
  EXPECT_FALSE(backend_.runs(hello->target->name));
  EXPECT_EQ(fleet_->figures().drained, 1);
  EXPECT_EQ(fleet_->figures().died, 0);
  EXPECT_EQ(desk_.figures(hello->version).targets, 0);
}

TEST_F(FleetScalingTest, AsManySuperpodsAsTheFunctionsScaleSaysHoldItReady) {
  deploy({{"hello", "scale = { min = 2 }\n"}});
  settings_.idle_period = 200ms;
  begin();
  const policy::VersionId hello = numberOf("hello");
  ASSERT_TRUE(runUntil([&] { return desk_.figures(hello).targets == 2; }));
  runFor(3s);
  EXPECT_EQ(desk_.figures(hello).targets, 2);
  backend_.crash("superpod-1");
  EXPECT_TRUE(runUntil([&] { return desk_.figures(hello).targets == 1; }));
  EXPECT_TRUE(runUntil([&] { return desk_.figures(hello).targets == 2; }));
  EXPECT_EQ(fleet_->figures().drained, 0);
}

TEST_F(FleetScalingTest, WhatIsToBeHeldReadyAndCannotBeIsTriedLaterAndLater) {
  deploy({{"hello", "scale = { min = 1 }\n"}});
  backend_.manners.reload = R"({"problems":[{"file":"/x/acme/hello@1.toml","reason":"not signed"}]})";
  std::uint32_t reloads = 0;
  backend_.on_reload = [&](const std::string&) { ++reloads; };
  begin();
  runFor(2s);
  EXPECT_GE(reloads, 2);
  EXPECT_LE(reloads, 20);
  backend_.manners.reload = R"({"problems":[]})";
  EXPECT_TRUE(runUntil([&] { return desk_.figures(numberOf("hello")).targets == 1; }));
}

TEST_F(FleetScalingTest, ATenantThatIsApartHasSuperpodsOfItsOwn) {
  deploy({{"hello", ""}, {"alone", "isolation = \"dedicated\"\n"}});
  begin();
  const auto shared = serve(numberOf("hello"));
  const auto apart = serve(numberOf("alone"));
  ASSERT_TRUE(shared && apart);
  EXPECT_NE((*shared)->name, (*apart)->name);
  ASSERT_TRUE(runUntil([&] { return ready() == 3; }));
  EXPECT_THAT(madeFor(), UnorderedElementsAre("shared", "dedicated", "spare"));
}

// One superpod has room for the load of both, but they must not share it.
TEST_F(FleetScalingTest, TheOnlySuperpodInUseOfATenantThatIsApartStays) {
  deploy({{"hello", ""}, {"alone", "isolation = \"dedicated\"\n"}});
  backend_.manners.load = R"({"ready":true,"booked_units":0.5,"invocations":1})";
  settings_.idle_period = 3s;
  begin();
  ASSERT_TRUE(serve(numberOf("hello")));
  ASSERT_TRUE(serve(numberOf("alone")));
  runFor(6s);
  EXPECT_EQ(fleet_->figures().drained, 0);
  EXPECT_EQ(fleet_->figures().desired, 2);
}

// What the others have left is not for it.
TEST_F(FleetScalingTest, ATenantThatIsApartIsScaledByItsOwnLoad) {
  deploy({{"hello", ""}, {"alone", "isolation = \"dedicated\"\n"}});
  settings_.most = 6;
  backend_.manners.load = R"({"ready":true,"booked_units":0.5,"invocations":1})";
  begin();
  ASSERT_TRUE(serve(numberOf("hello")));
  const auto apart = serve(numberOf("alone"));
  ASSERT_TRUE(apart);
  backend_.manners_of[(*apart)->name].load = R"({"ready":true,"booked_units":7,"invocations":1})";  // 1.4 GiB
  ASSERT_TRUE(runUntil([&] { return fleet_->figures().desired >= 3; }));
  runFor(2s);
  // Two for it, one for the others.
  EXPECT_EQ(fleet_->figures().desired, 3);
}

TEST_F(FleetScalingTest, LoadMakesMoreSuperpods) {
  deploy({{"hello", ""}});
  begin();
  ASSERT_TRUE(serve(numberOf("hello")));
  backend_.manners_of["superpod-1"].load = R"({"ready":true,"booked_units":15,"invocations":1})";  // 2.9 GiB
  EXPECT_TRUE(runUntil([&] { return ready() == settings_.most; }));
  EXPECT_GE(fleet_->figures().desired, 3);
}

TEST_F(FleetScalingTest, WhoWaitsForTheMemoryOfItsTenantIsHelpedByNoSuperpod) {
  platform::TenantRecord tenant;
  tenant.quotas.memory = ByteSize{512ull << 20};
  deploy({{"hello", "limits = { memory = '512MiB' }\n"}}, tenant);
  begin();
  const policy::VersionId hello = numberOf("hello");
  ASSERT_TRUE(serve(hello));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(arrive(hello).reason, Reason::kQueueTenantMemory);
  runFor(3s);
  EXPECT_EQ(desk_.figures(hello).targets, 1u);
  EXPECT_LE(fleet_->figures().desired, 1u);
}

TEST_F(FleetScalingTest, AVersionThatKeepsKillingSuperpodsHasOneOfItsOwn) {
  deploy({{"killer", ""}, {"hello", ""}});
  begin();
  const policy::VersionId killer = numberOf("killer");
  for (int i = 0; i < 2; ++i) {
    const auto target = serve(killer);
    ASSERT_TRUE(target);
    backend_.crash((*target)->name);
    dieUnder(killer, (*target)->id);
    ASSERT_TRUE(runUntil([&] { return ready() > 0 && logged("died under the version"); }));
    runFor(100ms);
  }
  EXPECT_TRUE(logged("entered"));
  const auto quarantined = serve(killer);
  const auto other = serve(numberOf("hello"));
  ASSERT_TRUE(quarantined && other);
  EXPECT_NE((*quarantined)->name, (*other)->name);
  EXPECT_EQ(countOf("quarantine"), 1);
}

TEST_F(FleetScalingTest, ANeighbourIsNotBlamedForWhatItDidNotRun) {
  deploy({{"killer", ""}, {"hello", ""}});
  begin();
  const policy::VersionId killer = numberOf("killer");
  const policy::VersionId hello = numberOf("hello");
  for (int i = 0; i < 2; ++i) {
    const auto beside = serve(hello);
    const auto target = serve(killer);
    ASSERT_TRUE(beside && target);
    ASSERT_EQ((*beside)->name, (*target)->name);
    end(hello, (*beside)->id);
    backend_.crash((*target)->name);
    dieUnder(killer, (*target)->id);
    runFor(200ms);
  }
  ASSERT_TRUE(serve(killer));
  ASSERT_TRUE(serve(hello));
  runFor(100ms);
  EXPECT_EQ(countOf("quarantine"), 1);
  EXPECT_EQ(countOf("shared"), 1);
}

TEST_F(FleetScalingTest, WhatEachSuperpodMayGiveIsWrittenOnce) {
  deploy({{"hello", "scale = { min = 2 }\n[limits]\ncpu = \"1\"\n"}});
  std::uint32_t reloads = 0;
  backend_.on_reload = [&](const std::string&) { ++reloads; };
  begin();
  ASSERT_TRUE(runUntil([&] { return desk_.figures(numberOf("hello")).targets == 2; }));
  runFor(1s);
  EXPECT_LE(reloads, 4);
  for (const std::string superpod : {"superpod-1", "superpod-2"}) {
    std::ifstream file(manifestOn(superpod));
    const std::string manifest{std::istreambuf_iterator<char>(file), {}};
    EXPECT_THAT(manifest, testing::ContainsRegex("cpu = \"?(0\\.5|500m)"));
  }
}

TEST_F(FleetScalingTest, ASecretThatIsMissingLaterEndsWhatNeedsIt) {
  deploy({{"hello", "secrets = [\"KEY\"]\n"}});
  setSecret("one");
  begin();
  const policy::VersionId hello = numberOf("hello");
  const auto target = serve(hello);
  ASSERT_TRUE(target);
  const std::string secret = folder_ + "/1/secrets/acme/KEY";
  setSecret("two");
  fleet_->placeAgain("acme");
  EXPECT_TRUE(runUntil([&] {
    std::ifstream file(secret);
    return std::string{std::istreambuf_iterator<char>(file), {}} == "two";
  }));
  EXPECT_EQ(desk_.figures(hello).targets, 1);
  setSecret({});
  fleet_->placeAgain("acme");
  EXPECT_TRUE(runUntil([&] { return desk_.figures(hello).targets == 0; }, 2s));
}

}  // namespace
}  // namespace wasabi::node
