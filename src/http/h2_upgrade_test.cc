// Extended CONNECT (RFC 8441): streams of HTTP/2 that become tunnels.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "http/h2_test_client.h"
#include "http/server.h"

namespace wasabi::http {
namespace {

using namespace std::chrono_literals;

const H2TestClient::FieldList kConnect = {{":method", "CONNECT"}, {":protocol", "websocket"}, {":path", "/chat"}};

void accept(RecordedRequest& request) {
  EXPECT_TRUE(request.stream.requestComplete());
  Fields headers;
  headers.add("X", "y");
  request.stream.acceptUpgrade(request.stream.request().upgrade, headers);
  request.stream.resumeReading();
}

class H2UpgradeTest : public testing::Test {
 protected:
  void start(const ServerLimits& limits = {}, TestServer::Script script = accept) {
    server_ = std::make_unique<TestServer>(limits, std::move(script));
    server_->takes_upgrades = true;
    client_ = std::make_unique<H2TestClient>(*server_);
  }
  RecordedRequest& request() { return server_->requests.at(0); }
  bool arrives(const std::string& text) {
    return client_->runUntil([&] { return !server_->requests.empty() && request().body == text; });
  }
  bool closes() {
    return client_->runUntil([&] { return !server_->requests.empty() && request().closed; });
  }

  std::unique_ptr<TestServer> server_;
  std::unique_ptr<H2TestClient> client_;
};

TEST_F(H2UpgradeTest, IsOfferedToHandlersThatTakeItOnly) {
  start();
  ASSERT_TRUE(client_->runUntil([&] { return client_->settings.contains(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL); }));
  EXPECT_EQ(client_->settings[NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL], 1U);
  EXPECT_EQ(client_->settings[NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE], 64U * 1024);

  TestServer plain;
  H2TestClient other(plain);
  const auto id = other.request(kConnect, "", false);
  ASSERT_TRUE(other.finish(id));
  EXPECT_NE(other[id].closed, 0U);
  EXPECT_EQ(other.settings[NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL], 0U);
  EXPECT_TRUE(plain.requests.empty());
}

TEST_F(H2UpgradeTest, BytesGoBothWays) {
  start();
  const auto id = client_->request(kConnect, "early", false);
  ASSERT_TRUE(arrives("early"));
  EXPECT_EQ(request().summary, "CONNECT /chat h");
  EXPECT_EQ(request().stream.request().upgrade, "websocket");
  request().stream.send(bytesOf("answer"));
  ASSERT_TRUE(client_->runUntil([&] { return (*client_)[id].body == "answer"; }));
  EXPECT_EQ((*client_)[id].head, ":status=200;x=y;");
  client_->continueBody(id, ", later", false);
  EXPECT_TRUE(arrives("early, later"));
}

TEST_F(H2UpgradeTest, TheClientMayEndFirst) {
  start();
  const auto id = client_->request(kConnect, "all", true);
  ASSERT_TRUE(client_->runUntil([&] { return !server_->requests.empty() && request().ended; }));
  EXPECT_EQ(request().body, "all");
  const std::string rest(300'000, 'r');
  request().stream.send(bytesOf(rest));
  request().stream.finish({});
  ASSERT_TRUE(client_->finish(id));
  EXPECT_EQ((*client_)[id].body, rest);
  EXPECT_TRUE((*client_)[id].ended);
  ASSERT_TRUE(closes());
  EXPECT_EQ(request().closed, CloseReason::kFinished);
}

TEST_F(H2UpgradeTest, TheServerMayEndFirst) {
  start();
  const auto id = client_->request(kConnect, "", false);
  ASSERT_TRUE(client_->runUntil([&] { return !server_->requests.empty(); }));
  request().stream.send(bytesOf("bye"));
  request().stream.finish({});
  ASSERT_TRUE(client_->runUntil([&] { return (*client_)[id].ended; }));
  EXPECT_FALSE((*client_)[id].closed);
  const std::string rest(300'000, 'r');
  client_->continueBody(id, rest, false);
  ASSERT_TRUE(arrives(rest));
  ASSERT_FALSE(request().closed);
  client_->continueBody(id, "", true);
  ASSERT_TRUE(closes());
  EXPECT_TRUE(request().ended);
  EXPECT_EQ(request().closed, CloseReason::kFinished);
  EXPECT_EQ((*client_)[id].closed, 0U);
}

// Both sides have ended, so that HTTP/2 knows the stream no more; what came must still arrive.
TEST_F(H2UpgradeTest, APausedReaderLosesNothingByTheEnd) {
  start();
  const auto id = client_->request(kConnect, "", false);
  ASSERT_TRUE(client_->runUntil([&] { return !server_->requests.empty(); }));
  request().stream.pauseReading();
  request().stream.finish({});
  client_->continueBody(id, "late", true);
  ASSERT_TRUE(client_->finish(id));
  server_->runFor(5ms);
  ASSERT_FALSE(request().closed);
  EXPECT_EQ(request().body, "");
  request().stream.resumeReading();
  ASSERT_TRUE(closes());
  EXPECT_EQ(request().body, "late");
  EXPECT_TRUE(request().ended);
  EXPECT_EQ(request().closed, CloseReason::kFinished);
}

TEST_F(H2UpgradeTest, APausedReaderThatNeverGoesOnIsCut) {
  ServerLimits limits;
  limits.tunnel_idle_timeout = 50ms;
  limits.body_timeout = limits.write_timeout = 50ms;
  start(limits);
  const auto id = client_->request(kConnect, "", false);
  ASSERT_TRUE(client_->runUntil([&] { return !server_->requests.empty(); }));
  request().stream.pauseReading();
  request().stream.finish({});
  client_->continueBody(id, "late", true);
  ASSERT_TRUE(client_->finish(id));
  ASSERT_TRUE(closes());
  EXPECT_EQ(request().closed, CloseReason::kTimedOut);
}

TEST_F(H2UpgradeTest, APausedReaderHoldsThePeerUp) {
  start({}, [](RecordedRequest& asked) {
    accept(asked);
    asked.on_body = [&asked] { asked.stream.pauseReading(); };
  });
  const std::string sent(1'000'000, 's');
  const auto id = client_->request(kConnect, sent, false);
  const TimePoint end = Clock::now() + 20ms;
  client_->runUntil([&] { return Clock::now() > end; });
  EXPECT_LT(server_->server->counters().buffered_bytes, 300'000U);
  EXPECT_GT((*client_)[id].request_body.size(), 700'000U);
  ASSERT_TRUE(client_->runUntil([&] {
    request().stream.resumeReading();
    return request().body.size() == sent.size();
  }));
}

TEST_F(H2UpgradeTest, WithoutTrafficItIsReset) {
  ServerLimits limits;
  limits.tunnel_idle_timeout = 300ms;
  limits.body_timeout = limits.write_timeout = 40ms;
  start(limits);
  const auto id = client_->request(kConnect, "", false);
  const TimePoint busy_until = Clock::now() + 600ms;
  client_->runUntil([&] {
    if (!server_->requests.empty()) request().stream.send(bytesOf("."));
    return Clock::now() > busy_until;
  });
  ASSERT_FALSE(request().closed);
  ASSERT_TRUE(client_->finish(id));
  EXPECT_EQ((*client_)[id].closed, NGHTTP2_CANCEL);
  EXPECT_EQ(request().closed, CloseReason::kTimedOut);
}

TEST_F(H2UpgradeTest, AbortAndResetEndIt) {
  start();
  const auto id = client_->request(kConnect, "x", false);
  ASSERT_TRUE(arrives("x"));
  request().stream.abort();
  ASSERT_TRUE(client_->finish(id));
  EXPECT_NE((*client_)[id].closed, 0U);
  EXPECT_EQ(request().closed, CloseReason::kAborted);

  const auto second = client_->request(kConnect, "x", false);
  ASSERT_TRUE(client_->runUntil([&] { return server_->requests.size() == 2 && server_->requests[1].body == "x"; }));
  client_->reset(second);
  ASSERT_TRUE(client_->runUntil([&] { return server_->requests[1].closed.has_value(); }));
  EXPECT_EQ(server_->requests[1].closed, CloseReason::kPeerGone);
  EXPECT_FALSE(server_->requests[1].ended);
}

TEST_F(H2UpgradeTest, AnOrdinaryAnswerDoesNotPassForAcceptance) {
  start({}, [](RecordedRequest& asked) { respond(asked.stream, 200, "page"); });
  const auto id = client_->request(kConnect, "", false);
  ASSERT_TRUE(client_->finish(id));
  EXPECT_EQ((*client_)[id].head.substr(0, 12), ":status=501;");
  EXPECT_EQ((*client_)[id].body, "page");
}

TEST_F(H2UpgradeTest, RefusalsAndConnectWithoutAProtocol) {
  start({}, [](RecordedRequest& asked) { respond(asked.stream, 403, "no"); });
  const auto refused = client_->request(kConnect, "", false);
  ASSERT_TRUE(client_->finish(refused));
  EXPECT_EQ((*client_)[refused].head.substr(0, 12), ":status=403;");
  for (const char* protocol : {"h2c", "a,b"}) {
    auto fields = kConnect;
    fields[1].second = protocol;
    const auto id = client_->request(fields, "", false);
    ASSERT_TRUE(client_->finish(id));
    EXPECT_EQ((*client_)[id].head.substr(0, 12), ":status=501;");
  }
  EXPECT_EQ(server_->requests.size(), 1U);
}

}  // namespace
}  // namespace wasabi::http
