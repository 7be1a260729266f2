#include "node/request_router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "platform/simulated_disk.h"
#include "platform/test_support.h"

namespace wasabi::node {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr TimePoint kStart{1h};

class RequestRouterTest : public ::testing::Test {
 protected:
  RequestRouterTest() : tokens_(std::move(*platform::Tokens::open(disk_))) { tenant_.name = "acme"; }

  // With what `functions_` and `tenant_` hold.
  void publish() {
    router_.use(platform::PlatformSnapshot::of(
        "fn.test", {std::make_shared<const platform::TenantTable>(
                       std::make_shared<const platform::TenantRecord>(tenant_), functions_)}));
  }
  void deploy(std::string_view manifest = "") {
    functions_ = {platform::functionMadeUp("acme", "hello", manifest)};
    publish();
  }
  platform::FunctionRecord withSecondVersion() {
    auto record = platform::withVersion(*functions_[0], platform::versionMadeUp({"acme", "hello"}, 2), false);
    EXPECT_TRUE(record);
    return std::move(*record);
  }
  void put(platform::FunctionRecord record) {
    functions_ = {std::make_shared<const platform::FunctionRecord>(std::move(record))};
    publish();
  }
  std::string token(platform::Role role, const std::string& tenant) {
    auto created = tokens_->create("t", role, tenant, 1);
    EXPECT_TRUE(created);
    return created->token;
  }

  std::variant<Routed, NotRouted> route(const std::string& target,
                                        const std::vector<std::pair<std::string, std::string>>& headers = {},
                                        Entrance entrance = Entrance::kPublic, TimePoint now = kStart) {
    http::RequestHead request;
    request.method = "GET";
    request.target = target;
    request.authority = "example.com";
    for (const auto& [name, value] : headers) request.headers.add(name, value);
    return router_.route(request, entrance, now);
  }
  std::variant<Routed, NotRouted> call(const std::string& authority, const std::string& calling_tenant,
                                       const std::vector<std::pair<std::string, std::string>>& headers = {}) {
    http::RequestHead request;
    request.method = "GET";
    request.target = "/";
    request.authority = authority;
    for (const auto& [name, value] : headers) request.headers.add(name, value);
    return router_.routeCall(request, calling_tenant, kStart);
  }
  Routed found(std::variant<Routed, NotRouted> answer) {
    if (const auto* why_not = std::get_if<NotRouted>(&answer)) {
      ADD_FAILURE() << toString(why_not->reason) << ' ' << why_not->detail;
      return {};
    }
    return std::get<Routed>(std::move(answer));
  }
  Reason reasonOf(const std::variant<Routed, NotRouted>& answer) {
    const auto* why_not = std::get_if<NotRouted>(&answer);
    return why_not ? why_not->reason : Reason::kNone;
  }

  platform::SimulatedDisk disk_;
  std::unique_ptr<platform::Tokens> tokens_;
  DispatchDesk desk_{{}, {[](DispatchCall) {}, [](policy::VersionId) {}}};
  VersionRegistry registry_{desk_};
  TenantRates rates_;
  RequestRouter router_{{registry_, *tokens_, rates_, [] { return std::int64_t{1'000}; }}, 7};
  platform::TenantRecord tenant_;
  std::vector<platform::FunctionRecordPtr> functions_;
};

TEST_F(RequestRouterTest, FindsTheVersionAndSaysHowMuchOfThePathTheRouteTook) {
  deploy("[limits]\ntimeout = \"5s\"\n");
  const Routed routed = found(route("/acme/hello/a?b=c"));
  EXPECT_EQ(routed.route, "acme/hello@1;prefix=11");
  EXPECT_EQ(routed.timeout, 5s);
  EXPECT_EQ(registry_.find(routed.number).version, routed.version);
  EXPECT_EQ(reasonOf(route("/acme/nobody")), Reason::kNoRoute);
  EXPECT_EQ(reasonOf(route("*")), Reason::kBadPath);
}

TEST_F(RequestRouterTest, ARequestMayOnlyShortenItsTime) {
  deploy("[limits]\ntimeout = \"5s\"\n");
  EXPECT_EQ(found(route("/acme/hello", {{"wasabi-timeout", "1s"}})).timeout, 1s);
  EXPECT_EQ(found(route("/acme/hello", {{"wasabi-timeout", "1h"}})).timeout, 5s);
  EXPECT_EQ(reasonOf(route("/acme/hello", {{"wasabi-timeout", "soon"}})), Reason::kBadTimeout);
}

TEST_F(RequestRouterTest, VersionsAreDrawnByTheirTraffic) {
  deploy();
  auto ready = platform::withReady(withSecondVersion(), 2);
  ASSERT_TRUE(ready);
  auto split = platform::withTraffic(std::move(*ready), *platform::TrafficSplit::of({{1, 75}, {2, 25}}));
  ASSERT_TRUE(split);
  put(std::move(*split));
  std::map<std::uint32_t, int> drawn;
  for (int i = 0; i < 10'000; ++i) ++drawn[found(route("/acme/hello")).version->number];
  EXPECT_NEAR(drawn[1], 7'500, 250);
  EXPECT_EQ(drawn[1] + drawn[2], 10'000);
}

TEST_F(RequestRouterTest, AVersionHasAnAddressOfItsOwnOnceItIsReady) {
  deploy();
  put(withSecondVersion());
  EXPECT_EQ(found(route("/acme/hello@1/x")).route, "acme/hello@1;prefix=13");
  EXPECT_EQ(reasonOf(route("/acme/hello@2")), Reason::kNoVersion);
  EXPECT_EQ(reasonOf(route("/acme/hello@3")), Reason::kNoRoute);

  auto failed = platform::withFailed(*functions_[0], 2, "imports nothing known");
  ASSERT_TRUE(failed);
  put(std::move(*failed));
  EXPECT_THAT(std::get<NotRouted>(route("/acme/hello@2")).detail, HasSubstr("imports nothing known"));
}

TEST_F(RequestRouterTest, FromInsideAVersionIsFoundBeforeItIsReady) {
  deploy("visibility = \"tenant\"\n");
  put(withSecondVersion());
  const std::vector<std::pair<std::string, std::string>> second = {{"wasabi-version", "acme/hello@2"}};
  EXPECT_EQ(found(route("/x", second, Entrance::kInside)).route, "acme/hello@2;prefix=0");
  EXPECT_EQ(reasonOf(route("/x", {{"wasabi-version", "acme/hello@9"}}, Entrance::kInside)), Reason::kNoRoute);
  EXPECT_EQ(reasonOf(route("/x", {{"wasabi-version", "acme"}}, Entrance::kInside)), Reason::kNoRoute);
  // From outside the field says nothing.
  EXPECT_EQ(reasonOf(route("/x", second)), Reason::kNoRoute);
}

TEST_F(RequestRouterTest, WhoMayCallIsWhatTheFunctionSays) {
  deploy("visibility = \"tenant\"\n");
  EXPECT_EQ(reasonOf(route("/acme/hello")), Reason::kVisibility);

  deploy("visibility = \"token\"\n");
  const auto with = [&](const std::string& its) { return route("/acme/hello", {{"authorization", "Bearer " + its}}); };
  EXPECT_EQ(reasonOf(route("/acme/hello")), Reason::kToken);
  EXPECT_EQ(reasonOf(with("wsb_wrong")), Reason::kToken);
  EXPECT_EQ(reasonOf(with(token(platform::Role::kTenant, "other"))), Reason::kVisibility);
  EXPECT_TRUE(found(with(token(platform::Role::kTenant, "acme"))).shows_token);
  EXPECT_TRUE(found(with(token(platform::Role::kOperator, ""))).shows_token);

  deploy();
  EXPECT_FALSE(found(with(token(platform::Role::kTenant, "acme"))).shows_token);
}

TEST_F(RequestRouterTest, ATenantHasNoMoreThanItsRate) {
  tenant_.quotas.request_rate = 2;
  deploy();
  found(route("/acme/hello"));
  found(route("/acme/hello"));
  const auto refused = route("/acme/hello");
  EXPECT_EQ(reasonOf(refused), Reason::kRequestRate);
  EXPECT_EQ(std::get<NotRouted>(refused).retry_after, 1s);
  found(route("/acme/hello", {}, Entrance::kPublic, kStart + 500ms));
}

TEST_F(RequestRouterTest, WhatIsGoneInTheNextSnapshotIsNotFound) {
  deploy();
  const Routed before = found(route("/acme/hello"));
  functions_.clear();
  publish();
  EXPECT_EQ(reasonOf(route("/acme/hello")), Reason::kNoRoute);
  deploy();
  EXPECT_EQ(found(route("/acme/hello")).number, before.number);  // the registry was not told that it is gone
}

TEST_F(RequestRouterTest, FunctionsCallEachOtherByName) {
  deploy();
  const Routed routed = found(call("hello.acme.internal", "acme"));
  EXPECT_EQ(routed.version->name().toString(), "acme/hello");
  EXPECT_EQ(routed.route, "acme/hello@1;prefix=0");
  EXPECT_EQ(found(call("Hello.ACME.internal:80", "other")).number, routed.number);
  EXPECT_EQ(found(call("v1.hello.acme.internal", "other")).number, routed.number);
  for (const char* nobody :
       {"nobody.acme.internal", "hello.other.internal", "acme.internal", ".internal", "v2.hello.acme.internal"}) {
    EXPECT_EQ(reasonOf(call(nobody, "acme")), Reason::kNoRoute) << nobody;
  }
}

TEST_F(RequestRouterTest, FunctionsCallThoseOfTheirTenantWhateverTheirVisibilityAndOthersAsAnybody) {
  deploy("visibility = 'tenant'");
  EXPECT_EQ(reasonOf(call("hello.acme.internal", "acme")), Reason::kNone);
  EXPECT_EQ(reasonOf(call("hello.acme.internal", "other")), Reason::kVisibility);
  deploy("visibility = 'token'");
  EXPECT_EQ(reasonOf(call("hello.acme.internal", "acme")), Reason::kNone);
  EXPECT_EQ(reasonOf(call("hello.acme.internal", "other")), Reason::kToken);
  const std::string bearer = "Bearer " + token(platform::Role::kTenant, "acme");
  const Routed with_token = found(call("hello.acme.internal", "other", {{"authorization", bearer}}));
  EXPECT_TRUE(with_token.shows_token);
}

}  // namespace
}  // namespace wasabi::node
