// Containers that start, serve, die and go.
#include "node/container_fleet.h"

#include "node/container_fleet_fixture.h"
#include "node/container_output.h"

namespace wasabi::node {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using Manners = FakeContainers::Manners;

TEST_F(ContainerFleetTest, NothingRunsUntilSomebodyCalls) {
  deploy({{"shop", ""}});
  begin();
  runFor(200ms);
  EXPECT_EQ(containers_.running(), 0u);
  const auto target = serve(numberOf("shop"));
  ASSERT_TRUE(target);
  EXPECT_EQ((*target)->kind, Target::Kind::kContainer);
  EXPECT_EQ((*target)->endpoint.name, (*target)->name);
  EXPECT_EQ((*target)->endpoint.port, 8080);
  EXPECT_EQ(containers_.running(), 1u);
}

TEST_F(ContainerFleetTest, WhatItIsStartedWith) {
  secret_ = "geheim";
  deploy({{"shop", "args = ['--own']\nport = 99\nsecrets = ['KEY']\n[env]\nB = 'own'\n[limits]\nmemory = '64MiB'\n"}});
  begin();
  ASSERT_TRUE(serve(numberOf("shop")));
  const sandbox::ContainerSpec spec = containers_.started().at(0);
  EXPECT_EQ(spec.root, "/roots/1");
  EXPECT_THAT(spec.command, ElementsAre("/app", "--own"));
  EXPECT_THAT(spec.environment, ElementsAre("A=image", "B=own", "KEY=geheim", "PORT=99"));
  EXPECT_EQ(spec.walls.memory, ByteSize{64 << 20});
  EXPECT_EQ(spec.user, 7u);
}

TEST_F(ContainerFleetTest, WhoNamesAnotherProgramDoesNotGetTheImagesArguments) {
  deploy({{"shop", "command = ['/other']\n"}});
  begin();
  ASSERT_TRUE(serve(numberOf("shop")));
  EXPECT_THAT(containers_.started().at(0).command, ElementsAre("/other"));
}

TEST_F(ContainerFleetTest, EachTakesAsManyRequestsAsItsManifestSays) {
  deploy({{"shop", "scale = { max = 3 }\n[limits]\nconcurrency = 2\n"}});
  begin();
  const policy::VersionId shop = numberOf("shop");
  ASSERT_TRUE(serve(shop) && serve(shop));
  EXPECT_EQ(arrive(shop).kind, DispatchDesk::Answer::Kind::kWaits);
  // The autoscaler sees who waits.
  EXPECT_TRUE(runUntil([&] { return callOf(shop).has_value(); }));
  EXPECT_GE(containers_.running(), 2u);
  EXPECT_LE(containers_.running(), 3u);
}

TEST_F(ContainerFleetTest, WithoutRequestsAllGo) {
  deploy({{"shop", ""}});
  begin();
  const policy::VersionId shop = numberOf("shop");
  const auto target = serve(shop);
  ASSERT_TRUE(target);
  runFor(5s);
  EXPECT_EQ(ready("shop"), 1u) << "a request runs there";
  end(shop, (*target)->id);
  EXPECT_TRUE(runUntil([&] { return containers_.running() == 0; }));
  EXPECT_EQ(figures("shop").died, 0u);
  EXPECT_TRUE(serve(shop));
}

TEST_F(ContainerFleetTest, SoManyAsItsScaleSaysAreKeptReady) {
  deploy({{"shop", "scale = { min = 2 }\n"}});
  begin();
  EXPECT_TRUE(runUntil([&] { return ready("shop") == 2; }));
  deploy({{"shop", ""}});
  EXPECT_TRUE(runUntil([&] { return containers_.running() == 0; }));
}

TEST_F(ContainerFleetTest, OneThatDiesIsReplaced) {
  deploy({{"shop", ""}});
  begin();
  const policy::VersionId shop = numberOf("shop");
  const auto first = serve(shop);
  ASSERT_TRUE(first);
  containers_.crash((*first)->name);
  ASSERT_TRUE(runUntil([&] { return figures("shop").died == 1; }));
  end(shop, (*first)->id);
  const auto second = serve(shop);
  ASSERT_TRUE(second);
  EXPECT_NE((*second)->name, (*first)->name);
  EXPECT_THAT(figures("shop").last_end->why, HasSubstr("killed by signal 9"));
}

TEST_F(ContainerFleetTest, InALoopOfCrashesThoseWhoWaitAreTold) {
  Manners manners;
  manners.ends_at_once = true;
  manners.says = "no such database";
  containers_.setManners(manners);
  deploy({{"shop", ""}});
  begin();
  const policy::VersionId shop = numberOf("shop");
  arrive(shop);
  ASSERT_TRUE(runUntil([&] { return !refused_[shop].empty(); }));
  EXPECT_EQ(refused_[shop].back().reason, Reason::kNotStarted);
  EXPECT_THAT(refused_[shop].back().why, HasSubstr("3 times in a row"));
  EXPECT_THAT(refused_[shop].back().why, HasSubstr("ended with 3; it said last: no such database"));
  // It is tried again, later and later; once it works, it is served.
  const std::size_t starts = containers_.started().size();
  runFor(1s);
  EXPECT_LE(containers_.started().size(), starts + 3);
  containers_.setManners({});
  EXPECT_TRUE(runUntil([&] { return ready("shop") == 1; }) || serve(shop));
}

TEST_F(ContainerFleetTest, WhatIsNotReadyInTimeIsTold) {
  Manners manners;
  manners.becomes_ready = false;
  containers_.setManners(manners);
  deploy({{"shop", "start_timeout = '1s'\n"}});
  begin();
  const policy::VersionId shop = numberOf("shop");
  arrive(shop);
  ASSERT_TRUE(runUntil([&] { return !refused_[shop].empty(); }));
  EXPECT_EQ(refused_[shop].back().reason, Reason::kStartTimeout);
  EXPECT_THAT(refused_[shop].back().why, HasSubstr("not ready within 1s"));
}

TEST_F(ContainerFleetTest, WhatCannotStartFailsItsCheck) {
  Manners manners;
  manners.cannot_start = true;
  containers_.setManners(manners);
  deploy({{"shop", ""}});
  begin();
  EXPECT_THAT(bringUp("shop").error().message(), HasSubstr("no walls today"));
  runFor(500ms);
  EXPECT_EQ(containers_.started().size(), 1u) << "nobody asked for more";
  containers_.setManners({});
  EXPECT_TRUE(bringUp("shop"));
  EXPECT_EQ(ready("shop"), 1u);
  EXPECT_TRUE(bringUp("shop"));
  EXPECT_EQ(containers_.started().size(), 2u);
}

TEST_F(ContainerFleetTest, AnImageThatIsGoneIsTheReason) {
  image_ = fail(ErrorCode::kNotFound, "layer sha256:ab is gone");
  deploy({{"shop", ""}});
  begin();
  EXPECT_THAT(bringUp("shop").error().message(), HasSubstr("layer sha256:ab is gone"));
}

TEST_F(ContainerFleetTest, OneThatIsGivenUpFinishesItsRequests) {
  deploy({{"shop", ""}});
  begin();
  const policy::VersionId shop = numberOf("shop");
  const auto target = serve(shop);
  ASSERT_TRUE(target);
  fleet_->drain();
  EXPECT_EQ(arrive(shop).kind, DispatchDesk::Answer::Kind::kWaits);
  runFor(300ms);
  EXPECT_EQ(containers_.running(), 1u);
  end(shop, (*target)->id);
  EXPECT_TRUE(runUntil([&] { return fleet_->empty(); }));
  EXPECT_EQ(containers_.running(), 0u);
  EXPECT_EQ(room_.taken(), ByteSize{0});
}

TEST_F(ContainerFleetTest, OneThatDoesNotEndIsKilled) {
  Manners manners;
  manners.ignores_sigterm = true;
  containers_.setManners(manners);
  deploy({{"shop", ""}});
  begin();
  ASSERT_TRUE(bringUp("shop"));
  deploy({});
  runFor(500ms);
  EXPECT_EQ(containers_.running(), 1u);
  EXPECT_TRUE(runUntil([&] { return fleet_->empty(); }));
}

TEST_F(ContainerFleetTest, WhoIsIdleMakesRoomForWhoIsCalled) {
  const std::string large = "[limits]\nmemory = '600MiB'\n";
  deploy({{"shop", large}, {"news", large}});
  begin();
  const policy::VersionId shop = numberOf("shop");
  const auto busy = serve(shop);
  ASSERT_TRUE(busy);
  arrive(numberOf("news"));
  runFor(300ms);
  EXPECT_EQ(ready("shop"), 1u) << "a request runs there";
  EXPECT_EQ(figures("news").lacks, RoomLack::kMachine);
  end(shop, (*busy)->id);
  EXPECT_TRUE(runUntil([&] { return ready("news") == 1; }));
  EXPECT_EQ(ready("shop"), 0u);
  runFor(3s);
  EXPECT_EQ(ready("shop"), 0u) << "it does not come back by itself";
}

platform::TenantRecord withMemory(std::uint64_t mib) {
  platform::TenantRecord tenant;
  tenant.quotas.memory = ByteSize{mib << 20};
  return tenant;
}

TEST_F(ContainerFleetTest, ATenantsContainersHaveNoMoreThanItsQuota) {
  const std::string small = "[limits]\nmemory = '100MiB'\n";
  deploy({{"shop", small}, {"news", small}}, withMemory(199));
  begin();
  const policy::VersionId shop = numberOf("shop");
  const auto busy = serve(shop);
  ASSERT_TRUE(busy);
  arrive(numberOf("news"));
  runFor(300ms);
  EXPECT_EQ(ready("shop"), 1u) << "a request runs there";
  EXPECT_EQ(figures("news").lacks, RoomLack::kTenant);
  end(shop, (*busy)->id);
  EXPECT_TRUE(runUntil([&] { return ready("news") == 1; }));
  EXPECT_EQ(ready("shop"), 0u);
}

TEST_F(ContainerFleetTest, WhatIsBeyondALoweredQuotaGoesWhenItIsIdle) {
  const std::string small = "[limits]\nmemory = '100MiB'\n";
  deploy({{"shop", small}, {"news", small}}, withMemory(200));
  begin();
  const policy::VersionId shop = numberOf("shop");
  const auto busy = serve(shop);
  ASSERT_TRUE(busy);
  ASSERT_TRUE(bringUp("news"));
  deploy({{"shop", small}, {"news", small}}, withMemory(100));
  EXPECT_TRUE(runUntil([&] { return containers_.running() == 1; }));
  runFor(300ms);
  EXPECT_EQ(ready("shop"), 1u) << "a request runs there";
}

TEST_F(ContainerFleetTest, WhatIsTriedOutAndFindsNoRoomInTheQuotaFails) {
  const std::string small = "[limits]\nmemory = '100MiB'\n";
  deploy({{"shop", small}, {"news", "start_timeout = '1s'\n" + small}}, withMemory(199));
  begin();
  ASSERT_TRUE(serve(numberOf("shop")));
  const auto told = bringUp("news");
  ASSERT_FALSE(told);
  EXPECT_THAT(told.error().message(), HasSubstr("no room for a container of 100MiB"));
  EXPECT_THAT(told.error().message(), HasSubstr("its tenant's memory quota"));
}

TEST_F(ContainerFleetTest, WithNewSecretsOthersTakeTheirPlace) {
  secret_ = "old";
  deploy({{"shop", "secrets = ['KEY']\n"}, {"news", ""}});
  begin();
  ASSERT_TRUE(bringUp("shop") && bringUp("news"));
  secret_ = "new";
  fleet_->secretsChanged("acme");
  EXPECT_TRUE(runUntil([&] { return containers_.started().size() == 3 && containers_.running() == 2; }));
  EXPECT_THAT(containers_.started().back().environment, Contains("KEY=new"));
}

TEST_F(ContainerFleetTest, WhatItSaysGoesToTheLogOfItsFunction) {
  Manners manners;
  manners.says = "hello";
  containers_.setManners(manners);
  deploy({{"shop", ""}});
  begin();
  ASSERT_TRUE(bringUp("shop"));
  EXPECT_THAT(said_, ElementsAre("acme/shop@1 hello"));
}

TEST_F(ContainerFleetTest, WhatIsInUseIsTold) {
  deploy({{"shop", ""}});
  begin();
  ASSERT_TRUE(bringUp("shop"));
  ASSERT_EQ(fleet_->versionsInUse().size(), 1u);
  const ContainerFleetFigures figures = fleet_->figures();
  ASSERT_EQ(figures.versions.size(), 1u);
  EXPECT_EQ(figures.versions[0].version.toString(), "acme/shop@1");
  EXPECT_EQ(figures.taken, ByteSize{200ull << 20});
}

TEST(ContainerOutputTest, BeyondItsLimitLinesAreLeftOutAndCounted) {
  ContainerOutput output(ByteSize{500});
  std::vector<std::string> passed;
  const auto take = [&](std::string_view line, TimePoint now) {
    output.take(line, now, [&](std::string_view text) { passed.emplace_back(text); });
  };
  const TimePoint start{1000s};
  for (int i = 0; i < 5; ++i) take("line", start);
  EXPECT_EQ(passed.size(), 3u);
  EXPECT_EQ(output.last(), "line");
  take("later", start + 1s);
  EXPECT_THAT(passed, IsSupersetOf({"(2 lines were left out: more than 500B in a second)", "later"}));
}

TEST_F(ContainerFleetTest, WhoseFunctionMayCallOutFindsAProxy) {
  deploy({{"app", "outbound = ['api.example.com']\n[env]\nHTTP_PROXY = 'mine'\n"}, {"alone", ""}});
  begin();
  const auto target = serve(numberOf("app"));
  ASSERT_TRUE(target);
  EXPECT_THAT(egress_.admitted[(*target)->id], testing::SizeIs(1));
  ASSERT_TRUE(serve(numberOf("alone")));
  EXPECT_THAT(egress_.admitted, testing::SizeIs(1));
  const auto started = containers_.started();
  ASSERT_THAT(started, testing::SizeIs(2));
  EXPECT_THAT(started[0].environment,
              testing::IsSupersetOf({"HTTPS_PROXY=http://127.0.0.1:47128", "https_proxy=http://127.0.0.1:47128",
                                     "NO_PROXY=localhost,127.0.0.1", "HTTP_PROXY=mine"}));
  EXPECT_THAT(started[1].environment, testing::Not(testing::Contains(testing::HasSubstr("roxy"))));
  containers_.crash(started[0].name);
  EXPECT_TRUE(runUntil([&] { return !egress_.admitted.contains((*target)->id); }));
}

}  // namespace
}  // namespace wasabi::node
