#include "node/gateway.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "node/fake_box.h"
#include "node/run_until.h"
#include "node/test_reply.h"
#include "platform/simulated_disk.h"
#include "platform/test_support.h"

namespace wasabi::node {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// Two workers in front of fake superpods and a fake API, which live on the test's own loop, as its client does.
class GatewayTest : public ::testing::Test {
 protected:
  GatewayTest()
      : folder_(testing::TempDir() + "front_XXXXXX"),
        tokens_(std::move(*platform::Tokens::open(disk_))),
        log_({}, 0),
        client_(loop_, {}, http::unixConnector(loop_)) {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    api_.emplace(loop_, folder_ + "/api");
    GatewayConfig config;
    config.workers = 2;
    config.listen = {"unix:" + folder_ + "/front"};
    config.inside = folder_ + "/inside";
    config.api = folder_ + "/api";
    auto gateway =
        Gateway::open(std::move(config), {*tokens_, log_, noContainers, callAnywhere(), [] { return std::int64_t{1}; },
                                          [this](policy::VersionId version) { wanted_ = version.value; }});
    EXPECT_TRUE(gateway) << gateway.error().message();
    gateway_ = std::move(*gateway);
    gateway_->start();
  }
  ~GatewayTest() override {
    gateway_->stop();
    ::system(("rm -r " + folder_).c_str());
  }
  static http::SocketFactory noContainers() {
    return [](const std::string&, UniqueFunction<void(Result<FileDescriptor>)> done) {
      done(fail(ErrorCode::kUnavailable, "no containers"));
    };
  }

  static OutboundServices callAnywhere() {
    const http::ClientTls no_certificates{.trust_system = false, .ca_file = {}};
    return {http::openDirectServices(no_certificates, http::ResolverLimits{}).value(), http::anyAddress(), {}};
  }

  void deploy(std::string_view manifest = "") {
    snapshot_ = platform::PlatformSnapshot::of(
        "", {std::make_shared<const platform::TenantTable>(
                platform::tenantMadeUp("acme"),
                std::vector<platform::FunctionRecordPtr>{platform::functionMadeUp("acme", "hello", manifest)})});
    gateway_->use(snapshot_);
  }
  policy::VersionId hello() {
    const platform::FunctionRecord* function = snapshot_->function("acme", "hello");
    return gateway_->registry().numberOf(*snapshot_->tenant("acme"), *function, function->leading().version);
  }
  // A superpod that serves hello.
  FakeBox& superpod() {
    const auto number = static_cast<std::uint32_t>(boxes_.size() + 1);
    const std::string path = folder_ + "/box" + std::to_string(number);
    boxes_.push_back(std::make_unique<FakeBox>(loop_, path));
    boxes_.back()->on_whole = [](FakeBox::Seen& seen) { answer(*seen.stream, 200, "hi"); };
    auto target = std::make_shared<Target>();
    target->id = {number};
    target->name = "superpod-" + std::to_string(number);
    target->endpoint.name = path;
    gateway_->desk().addTarget(std::move(target), {});
    gateway_->desk().serves({number}, hello(), Clock::now());
    return *boxes_.back();
  }

  std::unique_ptr<Reply> start(const std::string& target,
                               const std::vector<std::pair<std::string, std::string>>& headers = {},
                               const std::string& door = "/front") {
    auto reply = std::make_unique<Reply>();
    http::ClientRequest request;
    request.method = "GET";
    request.authority = "example.com";
    request.target = target;
    request.endpoint.name = folder_ + door;
    for (const auto& [name, value] : headers) request.headers.add(name, value);
    reply->exchange = client_.start(request, *reply);
    return reply;
  }
  bool runUntil(const std::function<bool()>& condition) { return node::runUntil(loop_, condition); }
  std::unique_ptr<Reply> get(const std::string& target,
                             const std::vector<std::pair<std::string, std::string>>& headers = {},
                             const std::string& door = "/front") {
    auto reply = start(target, headers, door);
    EXPECT_TRUE(runUntil([&] { return reply->done; }));
    return reply;
  }
  GatewayMetrics metrics() {
    std::promise<std::vector<GatewayReport>> told;
    gateway_->report([&](std::vector<GatewayReport> reports) { told.set_value(std::move(reports)); });
    GatewayMetrics all;
    for (const GatewayReport& report : told.get_future().get()) all.merge(report.metrics);
    return all;
  }

  std::string folder_;
  http::EventLoop loop_;
  platform::SimulatedDisk disk_;
  std::unique_ptr<platform::Tokens> tokens_;
  LineLog log_;
  http::Client client_;
  std::optional<FakeBox> api_;
  std::vector<std::unique_ptr<FakeBox>> boxes_;
  std::atomic<std::uint32_t> wanted_{0};
  platform::SnapshotPtr snapshot_;
  std::unique_ptr<Gateway> gateway_;
};

TEST_F(GatewayTest, TheBoxIsToldRouteClientAndScheme) {
  deploy();
  FakeBox& box = superpod();
  std::vector<std::pair<std::string, std::string>> seen;
  box.on_request = [&](FakeBox::Seen& request) {
    for (const auto field : request.stream->request().headers) seen.emplace_back(field.name, field.value);
    answer(*request.stream, 200, "", {{"wasabi-mine", "1"}, {"x-mine", "1"}});
  };
  const auto reply = get("/acme/hello/x", {{"wasabi-route", "other/one@1"}, {"authorization", "Bearer mine"}});
  using testing::Contains;
  using testing::Pair;
  EXPECT_THAT(seen, Contains(Pair("wasabi-route", "acme/hello@1;prefix=11")).Times(1));
  EXPECT_THAT(seen, Contains(Pair("wasabi-client", "unix")));
  EXPECT_THAT(seen, Contains(Pair("wasabi-scheme", "http")));
  EXPECT_THAT(seen, Contains(Pair("authorization", "Bearer mine")));
  EXPECT_EQ(reply->head.headers.find("x-mine"), "1");
  EXPECT_FALSE(reply->head.headers.find("wasabi-mine"));
}

TEST_F(GatewayTest, ATokenThatWasMeantForUsGoesNoFurther) {
  deploy("visibility = \"token\"\n");
  FakeBox& box = superpod();
  bool told = false;
  box.on_request = [&](FakeBox::Seen& request) {
    told = request.stream->request().headers.find("authorization").has_value();
    answer(*request.stream, 200, "");
  };
  const auto refused = get("/acme/hello");
  EXPECT_EQ(refused->head.status, 401);
  EXPECT_TRUE(refused->head.headers.find("www-authenticate"));
  const auto token = tokens_->create("t", platform::Role::kTenant, "acme", 1);
  EXPECT_EQ(get("/acme/hello", {{"authorization", "Bearer " + token->token}})->head.status, 200);
  EXPECT_FALSE(told);
}

TEST_F(GatewayTest, BeforeItKnowsAnythingItSaysSo) {
  EXPECT_EQ(get("/acme/hello")->head.status, 503);
  EXPECT_EQ(get("/-/readyz")->head.status, 503);
  EXPECT_EQ(get("/-/healthz")->head.status, 200);
  deploy();
  gateway_->setReady();
  EXPECT_EQ(get("/-/readyz")->head.status, 200);
  const auto unknown = get("/acme/nobody");
  EXPECT_EQ(unknown->head.status, 404);
  EXPECT_THAT(unknown->body, HasSubstr("refused.no_route"));
}

TEST_F(GatewayTest, WhatNobodyServesIsWantedAndWaits) {
  deploy();
  auto reply = start("/acme/hello");
  ASSERT_TRUE(runUntil([&] { return wanted_ != 0; }));
  EXPECT_EQ(wanted_, hello().value);
  EXPECT_FALSE(reply->done);
  superpod();
  ASSERT_TRUE(runUntil([&] { return reply->done; }));
  EXPECT_EQ(reply->body, "hi");
}

TEST_F(GatewayTest, WhoWaitsForWhatNobodyWillServeIsRefusedWithTheReason) {
  deploy();
  auto reply = start("/acme/hello");
  ASSERT_TRUE(runUntil([&] { return wanted_ != 0; }));
  gateway_->refuseWaiting(hello(), Reason::kNotStarted, "the module was built for another engine");
  ASSERT_TRUE(runUntil([&] { return reply->done; }));
  EXPECT_EQ(reply->head.status, 503);
  EXPECT_THAT(reply->body, HasSubstr("the module was built for another engine"));
  EXPECT_EQ(gateway_->desk().figures(hello()).waiting, 0u);
}

TEST_F(GatewayTest, TheApiStandsBehindItsPath) {
  std::string client;
  api_->on_request = [&](FakeBox::Seen& request) {
    client = request.stream->request().headers.find("wasabi-client").value_or("");
    EXPECT_EQ(request.stream->request().headers.find("authorization"), "Bearer mine");
    answer(*request.stream, 200, "api");
  };
  EXPECT_EQ(get("/-/api/v1/functions", {{"authorization", "Bearer mine"}})->body, "api");
  EXPECT_EQ(client, "unix");
}

TEST_F(GatewayTest, FromInsideAVersionIsCalledByItsName) {
  deploy("visibility = \"tenant\"\n");
  superpod();
  EXPECT_EQ(get("/", {{"wasabi-version", "acme/hello@1"}})->head.status, 404);
  EXPECT_EQ(get("/", {{"wasabi-version", "acme/hello@1"}}, "/inside")->body, "hi");
}

TEST_F(GatewayTest, CountsByTenantAndReason) {
  deploy();
  superpod();
  for (int i = 0; i < 3; ++i) get("/acme/hello");
  get("/acme/nobody");
  const GatewayMetrics all = metrics();
  EXPECT_EQ(all.total().requests, 4u);
  EXPECT_EQ(all.byTenant().at("acme").requests, 3u);
  EXPECT_EQ(all.byFunction().at({"acme", "hello"}).bytes_out, 6u);
  EXPECT_EQ(all.count(Reason::kNoRoute), 1u);
  EXPECT_EQ(metrics().total().requests, 0u);
  PrometheusText text;
  all.write(text, 0);
  const std::string written = text.take();
  EXPECT_THAT(written, HasSubstr("wasabi_gateway_tenant_requests_total{tenant=\"acme\"} 3\n"));
  EXPECT_THAT(written, HasSubstr("wasabi_gateway_function_requests_total{tenant=\"other\",function=\"other\"} 3\n"));
  EXPECT_THAT(written, HasSubstr("wasabi_gateway_reasons_total{reason=\"refused.no_route\"} 1\n"));
}

TEST_F(GatewayTest, DrainingItLetsWhatRunsFinish) {
  deploy();
  FakeBox& box = superpod();
  box.on_whole = nullptr;
  auto reply = start("/acme/hello");
  ASSERT_TRUE(runUntil([&] { return !box.seen.empty(); }));
  gateway_->drain();
  EXPECT_FALSE(gateway_->idle());
  answer(*box.seen.front()->stream, 200, "late");
  ASSERT_TRUE(runUntil([&] { return reply->done && gateway_->idle(); }));
  EXPECT_EQ(reply->body, "late");
}

TEST_F(GatewayTest, StoppingItEndsThoseThatWait) {
  deploy();
  auto reply = start("/acme/hello");
  ASSERT_TRUE(runUntil([&] { return wanted_ != 0; }));
  gateway_->stop();
  ASSERT_TRUE(runUntil([&] { return reply->done; }));
  EXPECT_TRUE(reply->head.status == 503 || !reply->failure.empty());
}

}  // namespace
}  // namespace wasabi::node
