// Superpods that start, host, die and go.
#include "node/fleet.h"

#include "node/fleet_fixture.h"

namespace wasabi::node {
namespace {

using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

TEST_F(FleetTest, ASpareIsKeptStarted) {
  begin();
  ASSERT_TRUE(runUntil([&] { return ready() == 1; }));
  EXPECT_THAT(madeFor(), UnorderedElementsAre("spare"));
  deploy({{"hello", ""}});
  ASSERT_TRUE(serve(numberOf("hello")));
  EXPECT_TRUE(runUntil([&] { return ready() == 2; }));
  EXPECT_THAT(madeFor(), UnorderedElementsAre("shared", "spare"));
  runFor(300ms);
  EXPECT_EQ(backend_.started(), 2);
}

TEST_F(FleetTest, TheRequestThatWaitsGoesToTheSpare) {
  begin();
  ASSERT_TRUE(runUntil([&] { return ready() == 1; }));
  std::map<std::string, std::string> functions{{"hello", ""}, {"other", ""}};
  for (int i = 0; i < 10; ++i) functions["soon" + std::to_string(i)] = "";
  deploy(functions);
  const auto first = serve(numberOf("hello"));
  ASSERT_TRUE(first);
  EXPECT_EQ((*first)->name, "superpod-1");
  EXPECT_EQ((*first)->endpoint.name, folder_ + "/1/box.sock");
  // It is not left to the next look around, which is 50 ms away at most.
  const TimePoint before = Clock::now();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(serve(numberOf("soon" + std::to_string(i))));
  EXPECT_LT(Clock::now() - before, 300ms);
  // The second version goes where there is one already: the new spare stays one.
  ASSERT_TRUE(runUntil([&] { return ready() == 2; }));
  const auto second = serve(numberOf("other"));
  ASSERT_TRUE(second);
  EXPECT_EQ((*second)->name, "superpod-1");
}

TEST_F(FleetTest, ASuperpodThatDiesIsReplacedAndItsVersionsAreServedElsewhere) {
  deploy({{"hello", ""}});
  begin();
  const policy::VersionId hello = numberOf("hello");
  const auto first = serve(hello);
  ASSERT_TRUE(first && runUntil([&] { return ready() == 2; }));
  backend_.crash((*first)->name);
  ASSERT_TRUE(runUntil([&] { return fleet_->figures().died == 1; }));
  dieUnder(hello, (*first)->id);
  const auto second = serve(hello);
  ASSERT_TRUE(second);
  EXPECT_NE((*second)->name, (*first)->name);
  EXPECT_TRUE(runUntil([&] { return ready() == 2 && folders() == 2; }));
  EXPECT_TRUE(logged("killed by signal 11"));
}

TEST_F(FleetTest, WhatIsNotHostedAnyMoreStaysForThoseWhoAreOnTheirWay) {
  const auto hello = serveHello();
  ASSERT_TRUE(hello);
  const std::string manifest = manifestOn(hello->target->name);
  ASSERT_TRUE(std::filesystem::exists(manifest));
  deploy({});
  EXPECT_EQ(desk_.figures(hello->version).targets, 0);
  runFor(300ms);
  EXPECT_TRUE(std::filesystem::exists(manifest)) << "a request is there";
  end(hello->version, hello->target->id);
  EXPECT_TRUE(runUntil([&] { return !std::filesystem::exists(manifest); }));
}

TEST_F(FleetTest, SuperpodsThatAreKilledAgainAndAgainAreReplacedEachTime) {
  begin();
  std::uint32_t number = 1;
  for (; number <= 10; ++number) {
    const std::string name = "superpod-" + std::to_string(number);
    ASSERT_TRUE(runUntil([&] { return ready() == 1; }, 1s)) << name;
    backend_.crash(name);
    ASSERT_TRUE(runUntil([&] { return fleet_->figures().died == number; }));
  }
  EXPECT_TRUE(runUntil([&] { return ready() == 1 && folders() == 1; }, 1s));
  EXPECT_EQ(backend_.started(), 11);
}

TEST_F(FleetTest, ABoxThatEndsAtOnceIsTriedAgainLaterAndLater) {
  backend_.manners.ends_at_once = true;
  begin();
  ASSERT_TRUE(runUntil([&] { return fleet_->figures().died >= 3; }));
  const std::uint32_t before = backend_.started();
  runFor(1s);
  EXPECT_LE(backend_.started(), before + 3);
  backend_.manners.ends_at_once = false;
  EXPECT_TRUE(runUntil([&] { return ready() == 1; }));
}

TEST_F(FleetTest, AStartThatFailsIsTriedAgain) {
  backend_.failStarts(2);
  begin();
  EXPECT_TRUE(runUntil([&] { return ready() == 1; }));
  EXPECT_EQ(backend_.started(), 3);
  EXPECT_TRUE(logged("no walls today"));
  EXPECT_TRUE(runUntil([&] { return folders() == 1; }));
}

TEST_F(FleetTest, ABoxThatAnswersNonsenseIsNeverReadyAndIsReplaced) {
  settings_.superpod.start_timeout = 200ms;
  backend_.manners_of["superpod-1"].load = "<html>";
  begin();
  ASSERT_TRUE(runUntil([&] { return ready() == 1; }));
  EXPECT_EQ(fleet_->figures().superpods.front().name, "superpod-2");
  EXPECT_TRUE(logged("was not ready in time"));
  EXPECT_FALSE(backend_.runs("superpod-1"));
}

TEST_F(FleetTest, ABoxThatDoesNotAnswerAnyMoreIsReplaced) {
  settings_.superpod.patience = 100ms;
  settings_.superpod.longest_silence = 500ms;
  begin();
  ASSERT_TRUE(runUntil([&] { return ready() == 1; }));
  backend_.manners_of["superpod-1"].silent = true;
  EXPECT_TRUE(runUntil([&] { return fleet_->figures().died == 1 && ready() == 1; }));
  EXPECT_TRUE(logged("does not answer"));
}

TEST_F(FleetTest, WhatCannotBeHostedIsRefusedInTheEnd) {
  deploy({{"hello", ""}});
  backend_.manners.reload = R"({"problems":[{"file":"/x/acme/hello@1.toml","reason":"not signed"}]})";
  std::uint32_t reloads = 0;
  backend_.on_reload = [&](const std::string&) { ++reloads; };
  begin();
  const policy::VersionId hello = numberOf("hello");
  const auto waits = arrive(hello);
  ASSERT_EQ(waits.reason, Reason::kQueueStarting);
  ASSERT_TRUE(runUntil([&] { return refused_.contains(hello); }));
  EXPECT_THAT(refused_[hello], testing::ElementsAre(HasSubstr("not signed")));
  EXPECT_GE(reloads, settings_.most_attempts);
  desk_.cancel(waits.ticket, Clock::now());
  // Nothing is left of it, and nobody tries on.
  runFor(100ms);
  const std::uint32_t before = reloads;
  runFor(500ms);
  EXPECT_EQ(reloads, before);
  EXPECT_FALSE(std::filesystem::exists(manifestOn("superpod-1")));
}

TEST_F(FleetTest, ABoxThatDoesNotTakeTheVersionInTimeIsNoReasonToWaitForEver) {
  deploy({{"hello", ""}});
  settings_.superpod.patience = 100ms;
  begin();
  ASSERT_TRUE(runUntil([&] { return ready() == 1; }));
  backend_.manners_of["superpod-1"].silent = true;
  const policy::VersionId hello = numberOf("hello");
  arrive(hello);
  ASSERT_TRUE(runUntil([&] { return refused_.contains(hello); }));
  EXPECT_THAT(refused_[hello].front(), HasSubstr("in time"));
}

TEST_F(FleetTest, AVersionUnderWhichBoxesDieWhenTheyLoadItIsRefused) {
  deploy({{"hello", ""}});
  backend_.manners.dies_at_reload = true;
  begin();
  const policy::VersionId hello = numberOf("hello");
  const auto waits = arrive(hello);
  ASSERT_TRUE(runUntil([&] { return refused_.contains(hello); }));
  EXPECT_THAT(refused_[hello].front(), HasSubstr("the box ended"));
  desk_.cancel(waits.ticket, Clock::now());
  // That the last box is gone may be noticed after the answer it owes.
  EXPECT_TRUE(runUntil([&] { return fleet_->figures().died == settings_.most_attempts; }));
  runFor(1s);
  EXPECT_EQ(fleet_->figures().died, settings_.most_attempts);
}

TEST_F(FleetTest, WhatNobodyWaitsForAnyMoreIsNotHosted) {
  deploy({{"hello", ""}});
  backend_.manners.load = "{}";
  begin();
  const policy::VersionId hello = numberOf("hello");
  const auto waits = arrive(hello);
  runFor(200ms);
  desk_.cancel(waits.ticket, Clock::now());
  runFor(100ms);
  backend_.manners.load = R"({"ready":true})";
  ASSERT_TRUE(runUntil([&] { return ready() == 1; }));
  runFor(200ms);
  EXPECT_TRUE(fleet_->hostedVersions().empty());
}

TEST_F(FleetTest, ADrainingSuperpodFinishesItsRequests) {
  const auto hello = serveHello();
  ASSERT_TRUE(hello);
  fleet_->drain();
  runFor(300ms);
  EXPECT_TRUE(backend_.runs(hello->target->name));
  EXPECT_FALSE(fleet_->empty());
  end(hello->version, hello->target->id);
  EXPECT_TRUE(runUntil([&] { return fleet_->empty() && folders() == 0; }));
  EXPECT_EQ(backend_.running(), 0);
  EXPECT_EQ(fleet_->figures().died, 0);
}

std::string usedBy(const std::string& cpu_seconds) {
  return R"({"ready":true,"tenants":[{"tenant":"acme","cpu_seconds":)" + cpu_seconds + "}]}";
}

TEST_F(FleetTest, WhatTenantsUseIsToldAndTheLastOfItBeforeASuperpodGoes) {
  const auto hello = serveHello();
  ASSERT_TRUE(hello);
  backend_.manners_of[hello->target->name].load = usedBy("1e-3");
  EXPECT_TRUE(runUntil([&] { return cpu_seconds_["acme"] == 1e-3; }));
  backend_.manners_of[hello->target->name].load = usedBy("2e-3");
  end(hello->version, hello->target->id);
  fleet_->drain();
  EXPECT_TRUE(runUntil([&] { return fleet_->empty(); }));
  EXPECT_EQ(cpu_seconds_["acme"], 2e-3);
}

TEST_F(FleetTest, ADrainedSuperpodThatDoesNotAnswerIsGoneAllTheSame) {
  settings_.superpod.patience = 100ms;
  const auto hello = serveHello();
  ASSERT_TRUE(hello);
  end(hello->version, hello->target->id);
  backend_.manners.silent = true;
  fleet_->drain();
  EXPECT_TRUE(runUntil([&] { return fleet_->empty() && folders() == 0; }));
}

TEST_F(FleetTest, ADrainingSuperpodIsGivenUpInTheEnd) {
  deploy({{"hello", ""}});
  settings_.superpod.drain_timeout = 300ms;
  begin();
  ASSERT_TRUE(serve(numberOf("hello")));
  fleet_->drain();
  const TimePoint before = Clock::now();
  EXPECT_TRUE(runUntil([&] { return fleet_->empty() && folders() == 0; }));
  EXPECT_GE(Clock::now() - before, 200ms);
}

TEST_F(FleetTest, ASuperpodThatDiesWhileItDrainsIsGone) {
  const auto hello = serveHello();
  ASSERT_TRUE(hello);
  fleet_->drain();
  runFor(50ms);
  backend_.crash(hello->target->name);
  EXPECT_TRUE(runUntil([&] { return fleet_->empty(); }, 2s));
}

TEST_F(FleetTest, WhatStartsIsEndedAtTheEndToo) {
  backend_.manners.load = "{}";
  begin();
  ASSERT_TRUE(runUntil([&] { return backend_.running() == 1; }));
  fleet_->drain();
  EXPECT_TRUE(runUntil([&] { return fleet_->empty() && folders() == 0; }, 2s));
  runFor(200ms);
  EXPECT_EQ(backend_.started(), 1);
}

TEST_F(FleetTest, ADeletedVersionIsHostedNoMore) {
  const auto hello = serveHello();
  ASSERT_TRUE(hello);
  const std::string manifest = manifestOn(hello->target->name);
  ASSERT_TRUE(std::filesystem::exists(manifest));
  deploy({});
  EXPECT_TRUE(runUntil([&] { return !std::filesystem::exists(manifest); }));
  EXPECT_EQ(desk_.figures(hello->version).targets, 0);
  EXPECT_TRUE(fleet_->hostedVersions().empty());
}

TEST_F(FleetTest, AVersionMayCallOutWhileItsSuperpodHostsIt) {
  const auto hello = serveHello();
  ASSERT_TRUE(hello);
  const policy::TargetId superpod = hello->target->id;
  EXPECT_TRUE(egress_.sockets[superpod].ends_with("/egress.sock"));
  EXPECT_THAT(egress_.admitted[superpod], testing::ElementsAre(platform::VersionName{{"acme", "hello"}, 1}));
  deploy({});
  EXPECT_TRUE(runUntil([&] { return egress_.admitted[superpod].empty(); }));
  fleet_.reset();
  EXPECT_FALSE(egress_.sockets.contains(superpod));
}

TEST_F(FleetTest, WeightsOfTenantsAreWithTheBoxBeforeItServesThemAndWhenTheyChange) {
  platform::TenantRecord tenant;
  tenant.quotas.cpu_weight = 4;
  deploy({{"hello", ""}}, tenant);
  const std::string file = settings_.superpod.directory + "/superpod-1/config/box.toml";
  std::vector<std::string> told;  // in force by each reload
  backend_.on_reload = [&](const std::string& superpod) {
    std::ifstream text(file);
    if (superpod == "superpod-1")
      told.emplace_back(std::istreambuf_iterator<char>(text), std::istreambuf_iterator<char>());
  };
  begin();
  ASSERT_TRUE(serve(numberOf("hello")));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_THAT(told[0], HasSubstr("[tenants.acme]\nweight = 400\n"));

  deploy({{"hello", ""}}, tenant);
  runFor(100ms);
  EXPECT_EQ(told.size(), 1u);  // nothing has changed
  tenant.quotas.cpu_weight = 0.5;
  deploy({{"hello", ""}}, tenant);
  ASSERT_TRUE(runUntil([&] { return told.size() == 2; }, 1s));
  EXPECT_THAT(told[1], HasSubstr("[tenants.acme]\nweight = 50\n"));
  EXPECT_THAT(madeFor(), Contains("shared"));
}

TEST_F(FleetTest, AConfigurationThatCannotBeWrittenIsWrittenLater) {
  deploy({{"hello", ""}});
  begin();
  ASSERT_TRUE(serve(numberOf("hello")));
  const std::string folder = settings_.superpod.directory + "/superpod-1/config";
  std::filesystem::rename(folder, folder + ".away");
  platform::TenantRecord tenant;
  tenant.quotas.cpu_weight = 2;
  deploy({{"hello", ""}}, tenant);
  runFor(100ms);
  std::filesystem::rename(folder + ".away", folder);
  const auto weight_told = [&] {
    std::ifstream file(folder + "/box.toml");
    const std::string text(std::istreambuf_iterator<char>(file), {});
    return text.find("weight = 200\n") != std::string::npos;
  };
  EXPECT_TRUE(runUntil(weight_told, 3s));
}

TEST_F(FleetTest, AThousandVersionsAreHostedByOneSuperpod) {
  std::map<std::string, std::string> many;
  for (int i = 0; i < 1'000; ++i) many["f" + std::to_string(i)] = "";
  deploy(many);
  std::uint32_t reloads = 0;
  backend_.on_reload = [&](const std::string&) { ++reloads; };
  begin();
  for (const auto& [name, manifest] : many) arrive(numberOf(name));
  ASSERT_TRUE(runUntil([&] { return calls_.size() == 1'000; }, 60s));
  EXPECT_EQ(calls_.front().target->name, calls_.back().target->name);
  EXPECT_LT(reloads, 500);  // for many at once
  EXPECT_TRUE(refused_.empty());
  EXPECT_EQ(fleet_->hostedVersions().size(), 1'000);
}

}  // namespace
}  // namespace wasabi::node
