#include "box/admin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "box/admin_answers.h"
#include "box/fake_stream.h"

namespace wasabi::box {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

catalog::FunctionPtr function(const char* name) {
  auto spec = std::make_shared<catalog::FunctionSpec>();
  spec->name = parseFunctionName(name).value();
  spec->version = "v1";
  return spec;
}

// Keeps what it is asked until the test answers.
class FakeSource final : public AdminSource {
 public:
  catalog::CatalogPtr catalog() const override { return catalog_; }
  void collect(UniqueFunction<void(const BoxFigures&)> take) override { figures_asked = std::move(take); }
  void listInvocations(UniqueFunction<void(InvocationList)> take) override { list_asked = std::move(take); }
  Why why(const catalog::FunctionPtr& spec, std::optional<Duration> patience) override {
    Why told;
    told.function = spec;
    told.patience = patience.value_or(30s);
    return told;
  }
  void reload(UniqueFunction<void(Result<Reloaded>)> take) override { reload_asked = std::move(take); }
  void cancel(std::string request_id, UniqueFunction<void(std::size_t)> take) override {
    cancelled.push_back(std::move(request_id));
    cancel_asked = std::move(take);
  }
  bool unload(const catalog::FunctionSpec& spec) override {
    unloaded.push_back(spec.name.toString());
    return true;
  }
  void askDrain() override { ++drains; }

  catalog::CatalogPtr catalog_ = std::make_shared<const catalog::Catalog>(
      std::vector<catalog::FunctionPtr>{function("t/one")},
      std::vector<catalog::CatalogProblem>{{"t/two.toml", 3, "odd byte \xff"}});
  UniqueFunction<void(const BoxFigures&)> figures_asked;
  UniqueFunction<void(InvocationList)> list_asked;
  UniqueFunction<void(Result<Reloaded>)> reload_asked;
  UniqueFunction<void(std::size_t)> cancel_asked;
  std::vector<std::string> cancelled;
  std::vector<std::string> unloaded;
  int drains = 0;
};

class AdminTest : public testing::Test {
 protected:
  FakeStream& ask(const char* method, const char* target) {
    auto stream = std::make_unique<FakeStream>();
    stream->head.method = method;
    stream->head.target = target;
    return ask(std::move(stream));
  }
  FakeStream& ask(std::unique_ptr<FakeStream> stream) {
    streams_.push_back(std::move(stream));
    handler_.onRequest(*streams_.back());
    return *streams_.back();
  }
  static void close(FakeStream& stream) { stream.observer->onClosed(http::CloseReason::kFinished); }

  http::EventLoop loop_;
  FakeSource source_;
  Admin admin_{source_, loop_, 20ms};
  http::RequestHandler& handler_ = admin_;
  std::vector<std::unique_ptr<FakeStream>> streams_;
};

TEST_F(AdminTest, TheIndexNamesEveryEndpointAndTheOthersNameTheIndex) {
  const FakeStream& index = ask("GET", "/-/");
  EXPECT_EQ(index.response->status, 200);
  for (const char* path : {"/-/healthz", "/-/metrics", "/-/load", "/-/functions", "/-/invocations", "/-/why",
                           "/-/reload", "/-/cancel", "/-/unload", "/-/drain"}) {
    EXPECT_THAT(index.body, HasSubstr(path));
  }
  const FakeStream& nothing = ask("GET", "/-/nothing");
  EXPECT_EQ(nothing.response->status, 404);
  EXPECT_THAT(nothing.body, HasSubstr("GET /-/ "));
}

TEST_F(AdminTest, TheWrongMethodIsToldTheRightOneAndDoesNothing) {
  for (const char* path : {"/-/drain", "/-/reload", "/-/cancel?request=a", "/-/unload?function=t/one"}) {
    const FakeStream& answer = ask("GET", path);
    EXPECT_EQ(answer.response->status, 405) << path;
    EXPECT_EQ(answer.response->headers.find("allow"), "POST") << path;
  }
  const FakeStream& posted = ask("POST", "/-/metrics");
  EXPECT_EQ(posted.response->status, 405);
  EXPECT_EQ(posted.response->headers.find("allow"), "GET, HEAD");
  EXPECT_EQ(source_.drains, 0);
  EXPECT_TRUE(source_.cancelled.empty());
  EXPECT_TRUE(source_.unloaded.empty());
  EXPECT_FALSE(source_.reload_asked);
}

TEST_F(AdminTest, AWebPageCanNotDrainTheBox) {
  auto stream = std::make_unique<FakeStream>();
  stream->head.method = "POST";
  stream->head.target = "/-/drain";
  stream->head.headers.add("origin", "https://example.com");
  EXPECT_EQ(ask(std::move(stream)).response->status, 403);
  EXPECT_EQ(source_.drains, 0);
  EXPECT_EQ(ask("POST", "/-/drain").response->status, 200);
  EXPECT_EQ(source_.drains, 1);
}

json loadOf(std::optional<std::vector<HostedVersion>> hosted) {
  MetricsTotals totals(10);
  RequestRecord record;
  record.function = function("acme/hello");
  record.cpu = 250ms;
  record.memory_byte_seconds = 3e6;
  MetricsDelta delta;
  delta.add(record);
  totals.merge(delta);
  BoxFigures figures;
  figures.totals = &totals;
  figures.hosted = std::move(hosted);
  return json::parse(loadJson(figures));
}

TEST(LoadTest, BehindAGatewayItTellsWhatVersionsDoAndTenantsHaveUsed) {
  auto spec = std::make_shared<catalog::FunctionSpec>();
  spec->name = {"acme", "hello@3"};
  spec->limits.memory = {1000};
  const json load = loadOf(std::vector<HostedVersion>{{spec, 2, true}});
  EXPECT_EQ(load["versions"],
            json::parse(R"([{"version":"acme/hello@3","running":2,"limits_bytes":2000,"loaded":true}])"));
  EXPECT_EQ(load["tenants"], json::parse(R"([{"tenant":"acme","cpu_seconds":0.25,"memory_byte_seconds":3000000.0}])"));
}

TEST(LoadTest, BehindAGatewayItSaysSoWhereThereAreNone) {
  EXPECT_EQ(loadOf(std::vector<HostedVersion>{})["versions"], json::array());
}

TEST(LoadTest, ABoxAloneDoesNotTellThem) {
  const json load = loadOf(std::nullopt);
  EXPECT_FALSE(load.contains("versions"));
  EXPECT_FALSE(load.contains("tenants"));
}

TEST_F(AdminTest, CancelSaysHowManyEnded) {
  FakeStream& answer = ask("POST", "/-/cancel?request=4bf9%32");
  EXPECT_THAT(source_.cancelled, ElementsAre("4bf92"));
  EXPECT_FALSE(answer.response);
  source_.cancel_asked(2);
  EXPECT_EQ(answer.response->status, 200);
  EXPECT_EQ(json::parse(answer.body), json({{"cancelled", 2}}));
  close(answer);

  FakeStream& none = ask("POST", "/-/cancel?request=gone");
  source_.cancel_asked(0);
  EXPECT_EQ(none.response->status, 404);
  close(none);
}

TEST_F(AdminTest, WhatIsMissingOrMalformedIsNamed) {
  for (const char* target : {"/-/cancel", "/-/cancel?request", "/-/cancel?function=t/one", "/-/cancel?request=%zz"}) {
    EXPECT_EQ(ask("POST", target).response->status, 400) << target;
  }
  EXPECT_THAT(ask("POST", "/-/cancel").body, HasSubstr("/-/cancel?request="));
  EXPECT_EQ(ask("POST", "/-/unload").response->status, 400);
  EXPECT_EQ(ask("POST", "/-/unload?function=UPPER/case").response->status, 400);
  EXPECT_EQ(ask("POST", "/-/unload?function=t/none").response->status, 404);
  EXPECT_TRUE(source_.cancelled.empty());
  EXPECT_TRUE(source_.unloaded.empty());
}

TEST_F(AdminTest, UnloadFindsTheFunctionHoweverItsNameIsEscaped) {
  EXPECT_EQ(json::parse(ask("POST", "/-/unload?function=t/one").body), json({{"unloaded", true}}));
  EXPECT_EQ(ask("POST", "/-/unload?x=y&function=t%2Fone").response->status, 200);
  EXPECT_THAT(source_.unloaded, ElementsAre("t/one", "t/one"));
}

TEST_F(AdminTest, WhyIsAskedOfAFunctionAndATime) {
  const json told = json::parse(ask("GET", "/-/why?function=t%2Fone&timeout=1.5s").body);
  EXPECT_EQ(told["function"], "t/one");
  EXPECT_EQ(told["patience_seconds"], 1.5);
  EXPECT_EQ(json::parse(ask("GET", "/-/why?function=t/one").body)["patience_seconds"], 30);
}

TEST_F(AdminTest, WhyNamesTheNearestFunctionAndWhatIsWrongWithAQuery) {
  const FakeStream& unknown = ask("GET", "/-/why?function=t/onne");
  EXPECT_EQ(unknown.response->status, 404);
  EXPECT_THAT(unknown.body, HasSubstr("did you mean t/one?"));
  EXPECT_THAT(ask("GET", "/-/why?function=other/thing").body, HasSubstr("/-/functions"));
  for (const char* target : {"/-/why", "/-/why?function=", "/-/why?function=UPPER/case", "/-/why?function=t/one%zz",
                             "/-/why?function=t/one&timeout=3", "/-/why?function=t/one&timeout=%zz"}) {
    EXPECT_EQ(ask("GET", target).response->status, 400) << target;
  }
}

TEST_F(AdminTest, ReloadTellsWhatIsBroken) {
  FakeStream& answer = ask("POST", "/-/reload");
  source_.reload_asked(Reloaded{source_.catalog_, {{"/box.toml", 7, "no such key"}}});
  const json told = json::parse(answer.body);
  EXPECT_EQ(told["functions"], 1);
  EXPECT_EQ(told["problems"][0], json({{"file", "/box.toml"}, {"line", 7}, {"reason", "no such key"}}));
  EXPECT_EQ(told["problems"][1]["file"], "t/two.toml");
  EXPECT_EQ(told["problems"][1]["line"], 3);
  close(answer);

  FakeStream& failed = ask("POST", "/-/reload");
  source_.reload_asked(fail(ErrorCode::kNotFound, "the catalog is gone"));
  EXPECT_EQ(failed.response->status, 500);
  EXPECT_THAT(failed.body, HasSubstr("the catalog is gone"));
  close(failed);
}

TEST_F(AdminTest, AnAnswerThatDoesNotComeIsAnsweredForInTime) {
  FakeStream& stuck = ask("GET", "/-/invocations");
  while (!stuck.response) loop_.waitAndRun();
  EXPECT_EQ(stuck.response->status, 503);
  EXPECT_TRUE(stuck.finished);
  const std::string body = stuck.body;
  source_.list_asked({});  // too late
  EXPECT_EQ(stuck.body, body);
  close(stuck);
}

TEST_F(AdminTest, AClientThatHasGoneIsNotAnswered) {
  FakeStream& gone = ask("POST", "/-/cancel?request=a");
  close(gone);
  source_.cancel_asked(1);
  EXPECT_FALSE(gone.response);
}

// A stopping box closes its streams and lets its loop go while workers still hold what they were asked.
TEST(AdminLifeTest, WhoWasAskedMayHoldTheQuestionForLongerThanTheLoopLives) {
  FakeSource source;
  FakeStream stream;
  stream.head.method = "GET";
  stream.head.target = "/-/invocations";
  {
    http::EventLoop loop;
    Admin admin(source, loop);
    static_cast<http::RequestHandler&>(admin).onRequest(stream);
    stream.observer->onClosed(http::CloseReason::kAborted);
  }
  source.list_asked({});
  EXPECT_FALSE(stream.response);
}

InvocationInfo info(const char* request, Duration age) {
  InvocationInfo info;
  info.request_id = request;
  info.function = function("t/one");
  info.age = age;
  info.state = InvocationState::kParked;
  return info;
}

TEST(InvocationListTest, TheOldestOfAllWorkersComeFirst) {
  InvocationList all;
  all.merge({2, {info("b", 3s), info("d", 1s)}});
  all.merge({2, {info("a", 4s), info("c", 2s)}});
  const json told = json::parse(invocationsJson(all));
  EXPECT_EQ(told["total"], 4);
  std::vector<std::string> order;
  for (const json& invocation : told["invocations"]) order.push_back(invocation["request"]);
  EXPECT_THAT(order, ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(told["invocations"][0]["state"], "parked");
  EXPECT_EQ(told["invocations"][0]["age_seconds"], 4.0);
}

TEST(InvocationListTest, HasAnEnd) {
  InvocationList all;
  for (std::size_t worker = 0; worker < 3; ++worker) {
    all.merge({600, std::vector<InvocationInfo>(600, info("x", std::chrono::seconds(worker)))});
  }
  EXPECT_EQ(all.total, 1800u);
  EXPECT_EQ(all.oldest.size(), InvocationList::kMost);
  EXPECT_EQ(all.oldest.front().age, 2s);
  EXPECT_EQ(all.oldest.back().age, 1s);
}

}  // namespace
}  // namespace wasabi::box
