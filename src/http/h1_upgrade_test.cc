// Upgrades over HTTP/1.1: who is offered one, and the tunnel that it becomes, over a bare socket and over TLS.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "http/server.h"
#include "http/test_certificates.h"
#include "http/tls_test_client.h"

namespace wasabi::http {
namespace {

using namespace std::chrono_literals;

const std::string kUpgrade =
    "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: "
    "k\r\n\r\n";
const std::string kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";

void accept(RecordedRequest& request) {
  Fields headers;
  headers.add("Sec-WebSocket-Accept", "a");
  headers.add("Connection", "close");  // the server's own
  request.stream.acceptUpgrade("websocket", headers);
  request.stream.resumeReading();
}

void say(RecordedRequest& request, std::string_view text) {
  request.stream.send(bytesOf(text));
}

class UpgradeOfferTest : public testing::Test {
 protected:
  // What the handler is told that the client wants.
  static std::string offered(const std::string& head, bool takes_upgrades = true) {
    std::string upgrade;
    TestServer server({}, [&](RecordedRequest& request) {
      upgrade = "<" + request.stream.request().upgrade + ">";
      EXPECT_EQ(request.headers.find("upgrade"), std::string::npos);
      respond(request.stream, 200, "ok");
    });
    server.takes_upgrades = takes_upgrades;
    RawClient client(server);
    client.send(head + "\r\n");
    EXPECT_TRUE(client.receiveUntil("ok"));
    return upgrade;
  }
};

TEST_F(UpgradeOfferTest, IsMadeToHandlersThatTakeThem) {
  const std::string start = "GET / HTTP/1.1\r\nHost: h\r\n";
  const std::string both = start + "Connection: upgrade\r\nUpgrade: websocket\r\n";
  EXPECT_EQ(offered(both), "<websocket>");
  EXPECT_EQ(offered(both, false), "<>");
  EXPECT_EQ(offered(start + "Upgrade: a/1, b\r\nConnection: Upgrade\r\nUpgrade: c\r\n"), "<a/1, b, c>");
  EXPECT_EQ(offered(both + "Content-Length: 0\r\n"), "<websocket>");
}

TEST_F(UpgradeOfferTest, IsNotMadeOfWhatIsNone) {
  const std::string start = "GET / HTTP/1.1\r\nHost: h\r\n";
  const std::string upgrade = "Connection: upgrade\r\nUpgrade: ";
  EXPECT_EQ(offered(start + "Upgrade: websocket\r\n"), "<>");
  EXPECT_EQ(offered(start + "Connection: upgrade\r\n"), "<>");
  EXPECT_EQ(offered("GET / HTTP/1.0\r\n" + upgrade + "websocket\r\n"), "<>");
  EXPECT_EQ(offered(start + "Content-Length: 1\r\n" + upgrade + "websocket\r\n"), "<>");
  EXPECT_EQ(offered(start + "Transfer-Encoding: chunked\r\n" + upgrade + "websocket\r\n"), "<>");
  for (const char* ours : {"h2c", "H2C", "websocket, h2c", "HTTP/2.0", "TLS/1.0", "h2", "/", "a b"}) {
    EXPECT_EQ(offered(start + upgrade + ours + "\r\n"), "<>") << ours;
  }
}

struct Case {
  const char* name;
  bool tls;
};

class TunnelTest : public testing::TestWithParam<Case> {
 protected:
  TestServer& start(const ServerLimits& limits = {}, TestServer::Script script = accept) {
    server_ = std::make_unique<TestServer>(limits, std::move(script));
    server_->takes_upgrades = true;
    if (GetParam().tls) server_->listenWithTls(*ServerTls::load({certificates_.make("h")}));
    return *server_;
  }
  std::unique_ptr<RawClient> connect(int receive_buffer = 0) {
    if (!GetParam().tls) return std::make_unique<RawClient>(*server_, receive_buffer);
    auto client = std::make_unique<TlsTestClient>(*server_, TlsTestClient::Options{.receive_buffer = receive_buffer});
    EXPECT_TRUE(client->shakeHands());
    return client;
  }
  RecordedRequest& request() { return server_->requests.at(0); }
  bool arrives(const std::string& text) {
    return server_->runUntil([&] { return !server_->requests.empty() && request().body == text; });
  }
  bool closes() {
    return server_->runUntil([&] { return !server_->requests.empty() && request().closed; });
  }

  TestCertificates certificates_;
  std::unique_ptr<TestServer> server_;
};

TEST_P(TunnelTest, BeginsWithTheByteAfterTheHead) {
  start();
  const auto client = connect();
  client->send(kUpgrade + "early bytes");
  ASSERT_TRUE(arrives("early bytes"));
  client->send(", later ones");
  ASSERT_TRUE(arrives("early bytes, later ones"));
  say(request(), "answer");
  ASSERT_TRUE(client->receiveUntil("answer"));
  EXPECT_EQ(withoutDate(client->received), kSwitching + "answer");
  EXPECT_FALSE(request().ended);
}

TEST_P(TunnelTest, MayBeAcceptedLate) {
  TestServer& server = start({}, [](RecordedRequest& asked) { EXPECT_TRUE(asked.stream.requestComplete()); });
  const auto client = connect();
  client->send(kUpgrade + "early");
  ASSERT_TRUE(server.runUntil([&] { return !server.requests.empty(); }));
  server.runFor(5ms);
  EXPECT_EQ(request().body, "");
  accept(request());
  EXPECT_FALSE(request().stream.requestComplete());
  EXPECT_TRUE(arrives("early"));
}

TEST_P(TunnelTest, TheClientMayEndFirst) {
  start();
  const auto client = connect();
  client->send(kUpgrade + "all");
  client->closeOutput();
  ASSERT_TRUE(server_->runUntil([&] { return !server_->requests.empty() && request().ended; }));
  EXPECT_EQ(request().body, "all");
  EXPECT_EQ(request().trailers, "");
  server_->runFor(5ms);
  ASSERT_FALSE(request().closed);
  const std::string rest(300'000, 'r');
  say(request(), rest);
  request().stream.finish({});
  ASSERT_TRUE(client->receiveAll());
  EXPECT_EQ(withoutDate(client->received), kSwitching + rest);
  ASSERT_TRUE(closes());
  EXPECT_EQ(request().closed, CloseReason::kFinished);
}

TEST_P(TunnelTest, TheServerMayEndFirst) {
  start();
  const auto client = connect();
  client->send(kUpgrade);
  ASSERT_TRUE(client->receiveUntil("\r\n\r\n"));
  say(request(), "bye");
  request().stream.finish({});
  ASSERT_TRUE(client->receiveAll());
  EXPECT_TRUE(client->received.ends_with("\r\n\r\nbye"));
  ASSERT_FALSE(request().closed);
  const std::string rest(300'000, 'r');
  ASSERT_TRUE(client->send(rest));
  ASSERT_TRUE(arrives(rest));
  client->closeOutput();
  ASSERT_TRUE(closes());
  EXPECT_TRUE(request().ended);
  EXPECT_EQ(request().closed, CloseReason::kFinished);
  EXPECT_TRUE(server_->runUntil([&] { return server_->server->idle(); }));
  EXPECT_EQ(server_->server->counters().buffered_bytes, 0U);
}

TEST_P(TunnelTest, RefusedItIsAnOrdinaryRequest) {
  start({}, [](RecordedRequest& asked) { respond(asked.stream, 403, "no\n"); });
  const auto client = connect();
  client->send(kUpgrade + "GET /next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(client->receiveAll());
  EXPECT_EQ(server_->requests.size(), 2U);
  EXPECT_EQ(server_->requests.back().summary, "GET /next h");
}

TEST_P(TunnelTest, ComesAfterTheAnswersBeforeIt) {
  start({}, [](RecordedRequest& asked) {
    if (asked.summary == "GET /chat h") {
      accept(asked);
    } else {
      respond(asked.stream, 200, "first");
    }
  });
  const auto client = connect();
  client->send("GET / HTTP/1.1\r\nHost: h\r\n\r\n" + kUpgrade + "early");
  ASSERT_TRUE(server_->runUntil([&] { return server_->requests.size() == 2 && server_->requests[1].body == "early"; }));
  ASSERT_TRUE(client->receiveUntil("websocket\r\n\r\n"));
  EXPECT_TRUE(withoutDate(client->received).ends_with("first" + kSwitching));
}

TEST_P(TunnelTest, EarlyBytesAreLimitedUntilItIsAccepted) {
  ServerLimits limits;
  start(limits, [](RecordedRequest&) {});
  const auto client = connect();
  client->send(kUpgrade + std::string(30'000, 'e'));
  server_->runFor(20ms);
  EXPECT_LT(server_->server->counters().buffered_bytes, 4 * limits.max_pipelined_bytes);
  accept(request());
  EXPECT_TRUE(arrives(std::string(30'000, 'e')));
}

TEST_P(TunnelTest, APausedReaderHoldsThePeerUp) {
  start({}, [](RecordedRequest& asked) {
    accept(asked);
    asked.on_body = [&asked] { asked.stream.pauseReading(); };
  });
  const auto client = connect();
  client->send(kUpgrade);
  std::string sent;
  for (int i = 0; i < 400; ++i) sent += std::string(1000, static_cast<char>('a' + i % 26));
  ASSERT_TRUE(client->send(sent));
  server_->runFor(20ms);
  const std::size_t first = request().body.size();
  EXPECT_LE(first, ServerLimits{}.read_chunk_bytes);
  EXPECT_LT(server_->server->counters().buffered_bytes, 300'000U);
  // Each resume brings one chunk more.
  ASSERT_TRUE(server_->runUntil([&] {
    request().stream.resumeReading();
    return request().body.size() == sent.size();
  }));
  EXPECT_EQ(request().body, sent);
}

TEST_P(TunnelTest, ASlowPeerStopsTheProducer) {
  std::size_t produced = 0;
  const std::string chunk(50'000, 'c');
  const ServerLimits limits;
  start(limits, [&](RecordedRequest& asked) {
    accept(asked);
    asked.on_writable = [&] {
      while (produced < 20'000'000) {
        produced += chunk.size();
        if (asked.stream.send(bytesOf(chunk)) == WriteRoom::kFull) return;
      }
      asked.stream.finish({});
    };
    asked.on_writable();
  });
  const auto client = connect(8192);
  client->send(kUpgrade);
  server_->runFor(50ms);
  EXPECT_LT(produced, 8'000'000U);
  EXPECT_LE(request().stream.unsentBytes(), limits.write_high_watermark + chunk.size() + 200);
  ASSERT_TRUE(client->receiveAll());
  EXPECT_EQ(withoutDate(client->received).size(), kSwitching.size() + produced);
  EXPECT_GT(request().writable, 0);
}

TEST_P(TunnelTest, WithoutTrafficItIsCut) {
  ServerLimits limits;
  limits.tunnel_idle_timeout = 400ms;
  limits.body_timeout = limits.idle_timeout = limits.head_timeout = 20ms;
  start(limits);
  const auto client = connect();
  const TimePoint begin = Clock::now();
  client->send(kUpgrade);
  // What either side says keeps it alive.
  while (Clock::now() - begin < 600ms) {
    client->send("ping");
    server_->runFor(30ms);
  }
  while (Clock::now() - begin < 1200ms) {
    say(request(), "pong");
    server_->runFor(30ms);
  }
  ASSERT_FALSE(request().closed);
  ASSERT_TRUE(closes());
  EXPECT_EQ(request().closed, CloseReason::kTimedOut);
  EXPECT_FALSE(client->receiveAll());
  EXPECT_EQ(client->error, ECONNRESET);
}

TEST_P(TunnelTest, APeerThatTakesNothingIsCut) {
  ServerLimits limits;
  limits.write_timeout = 100ms;
  start(limits);
  const auto client = connect(8192);
  client->send(kUpgrade);
  ASSERT_TRUE(server_->runUntil([&] { return !server_->requests.empty(); }));
  say(request(), std::string(30'000'000, 'x'));
  ASSERT_TRUE(closes());
  EXPECT_EQ(request().closed, CloseReason::kTimedOut);
}

TEST_P(TunnelTest, AbortIsSeenByThePeer) {
  start();
  const auto client = connect();
  client->send(kUpgrade);
  ASSERT_TRUE(client->receiveUntil("\r\n\r\n"));
  request().stream.abort();
  ASSERT_TRUE(closes());
  EXPECT_EQ(request().closed, CloseReason::kAborted);
  EXPECT_FALSE(client->receiveAll());
  EXPECT_EQ(client->error, ECONNRESET);
}

TEST_P(TunnelTest, AbortAfterFinishWhileThePeerGoesOn) {
  start();
  const auto client = connect();
  client->send(kUpgrade);
  ASSERT_TRUE(client->receiveUntil("\r\n\r\n"));
  request().stream.finish({});
  ASSERT_TRUE(client->receiveAll());
  request().stream.abort();
  ASSERT_TRUE(closes());
  EXPECT_EQ(request().closed, CloseReason::kAborted);
}

TEST_P(TunnelTest, APeerThatIsGoneIsTold) {
  start();
  const auto client = connect();
  client->send(kUpgrade + "x");
  ASSERT_TRUE(arrives("x"));
  client->reset();
  ASSERT_TRUE(closes());
  EXPECT_EQ(request().closed, CloseReason::kPeerGone);
  EXPECT_FALSE(request().ended);
}

TEST_P(TunnelTest, AClientThatGoesBeforeItIsAccepted) {
  start({}, [](RecordedRequest&) {});
  const auto client = connect();
  client->send(kUpgrade);
  client->closeOutput();
  ASSERT_TRUE(closes());
  EXPECT_EQ(request().closed, CloseReason::kPeerGone);
}

TEST_P(TunnelTest, DrainLeavesItOpen) {
  start();
  const auto client = connect();
  client->send(kUpgrade);
  ASSERT_TRUE(client->receiveUntil("\r\n\r\n"));
  server_->server->drain();
  client->send("after");
  ASSERT_TRUE(arrives("after"));
  request().stream.finish({});
  client->closeOutput();
  ASSERT_TRUE(closes());
  EXPECT_EQ(request().closed, CloseReason::kFinished);
  EXPECT_TRUE(server_->runUntil([&] { return server_->server->idle(); }));
}

TEST_P(TunnelTest, EndsWithTheServer) {
  start();
  const auto client = connect();
  client->send(kUpgrade + "x");
  ASSERT_TRUE(arrives("x"));
  server_->server.reset();
  EXPECT_EQ(request().closed, CloseReason::kAborted);
}

TEST_P(TunnelTest, AnEndThatTlsDoesNotVouchForIsNone) {
  if (!GetParam().tls) return;
  start();
  TlsTestClient client(*server_);
  ASSERT_TRUE(client.shakeHands());
  client.send(kUpgrade + "half");
  ASSERT_TRUE(arrives("half"));
  client.truncateOutput();
  ASSERT_TRUE(closes());
  EXPECT_EQ(request().closed, CloseReason::kPeerGone);
  EXPECT_FALSE(request().ended);
}

INSTANTIATE_TEST_SUITE_P(H1, TunnelTest, testing::Values(Case{"Plain", false}, Case{"Tls", true}),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace wasabi::http
