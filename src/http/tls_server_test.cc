// A server with TLS, by real handshakes over sockets.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "http/h2_test_client.h"
#include "http/server.h"
#include "http/test_certificates.h"
#include "http/tls_test_client.h"

namespace wasabi::http {
namespace {

using namespace std::chrono_literals;

const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kLastGet = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

class TlsServerTest : public testing::Test {
 protected:
  TestServer& start(const ServerLimits& limits = {}, TestServer::Script script = {}) {
    tls_ = *ServerTls::load({identity_, other_});
    server_ = std::make_unique<TestServer>(limits, std::move(script));
    server_->listenWithTls(tls_);
    return *server_;
  }
  const ServerCounters& counters() const { return server_->server->counters(); }

  TestCertificates certificates_;
  const TlsIdentity identity_ = certificates_.make("default", {"h", "localhost"});
  const TlsIdentity other_ = certificates_.make("other", {"*.other.test"});
  std::shared_ptr<ServerTls> tls_;
  std::unique_ptr<TestServer> server_;
};

TEST_F(TlsServerTest, SpeaksHttp2WhereTheClientTakesIt) {
  TestServer& server = start();
  auto connection =
      std::make_unique<TlsTestClient>(server, TlsTestClient::Options{.protocols = {"http/1.1", "h2"}, .host = "h"});
  ASSERT_TRUE(connection->shakeHands());
  EXPECT_EQ(connection->protocol(), "h2");
  H2TestClient client(server, std::move(connection));
  const auto id = client.request({{":method", "POST"}}, std::string(300'000, 'x'));
  ASSERT_TRUE(client.finish(id));
  EXPECT_EQ(client[id].head.substr(0, 12), ":status=200;");
  EXPECT_EQ(client[id].body, "POST / h|" + std::string(300'000, 'x') + "\n");
}

TEST_F(TlsServerTest, SpeaksHttp1WhereTheClientAsksForThatOrForNothing) {
  TestServer& server = start();
  for (const bool names_it : {true, false}) {
    TlsTestClient client(server,
                         {.protocols = names_it ? std::vector<std::string>{"http/1.1"} : std::vector<std::string>{}});
    ASSERT_TRUE(client.shakeHands());
    EXPECT_EQ(client.protocol(), names_it ? "http/1.1" : "");
    client.send(kGet);
    EXPECT_TRUE(client.receiveUntil("GET / h|\n"));
    client.send(kLastGet);
    EXPECT_TRUE(client.receiveAll());
    EXPECT_TRUE(client.saidGoodbye());
  }
  EXPECT_EQ(counters().handshakes, 2U);
  EXPECT_EQ(counters().handshakes_failed, 0U);
}

TEST_F(TlsServerTest, HoldsTheClientToTheProtocolThatWasChosen) {
  TestServer& server = start();
  TlsTestClient h2(server, {.protocols = {"h2"}});
  ASSERT_TRUE(h2.shakeHands());
  h2.send(kGet);
  h2.receiveAll();
  EXPECT_EQ(h2.received, "");
  TlsTestClient h1(server);
  ASSERT_TRUE(h1.shakeHands());
  h1.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  EXPECT_TRUE(h1.receiveAll());
  EXPECT_EQ(h1.received.substr(0, 13), "HTTP/1.1 505 ");
  TlsTestClient foreign(server, {.protocols = {"acme-tls/1"}});
  EXPECT_FALSE(foreign.shakeHands());
  EXPECT_EQ(counters().handshakes_failed, 1U);
  EXPECT_TRUE(server.requests.empty());
}

TEST_F(TlsServerTest, ShowsTheCertificateOfTheNamedHost) {
  TestServer& server = start();
  const auto shown = [&](const std::string& host) {
    TlsTestClient client(server, {.host = host});
    return client.shakeHands() ? client.shownCertificate() : "none";
  };
  EXPECT_EQ(shown(""), "default");
  EXPECT_EQ(shown("localhost"), "default");
  EXPECT_EQ(shown("a.other.test"), "other");
  EXPECT_EQ(shown("unknown.test"), "default");
}

TEST_F(TlsServerTest, SendsTheIntermediateCertificatesToo) {
  const auto issued = certificates_.make("issued", {.hosts = {"h"}, .with_issuer = true});
  TestServer server;
  server.listenWithTls(*ServerTls::load({issued}));
  TlsTestClient client(server);
  ASSERT_TRUE(client.shakeHands());
  EXPECT_EQ(sk_X509_num(SSL_get_peer_cert_chain(client.session())), 2);
}

TEST_F(TlsServerTest, RequestsHaveTheSchemeHttps) {
  std::string schemes;
  TestServer& server = start({}, [&](RecordedRequest& request) {
    schemes += request.stream.request().scheme + " ";
    respond(request.stream, 200, "ok");
  });
  RawClient plain(server);
  plain.send(kGet);
  EXPECT_TRUE(plain.receiveUntil("ok"));
  TlsTestClient h1(server);
  ASSERT_TRUE(h1.shakeHands());
  h1.send("GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(h1.receiveUntil("ok"));
  auto connection = std::make_unique<TlsTestClient>(server, TlsTestClient::Options{.protocols = {"h2"}});
  ASSERT_TRUE(connection->shakeHands());
  H2TestClient h2(server, std::move(connection));
  ASSERT_TRUE(h2.finish(h2.request({{":scheme", "http"}})));
  EXPECT_EQ(schemes, "http https https ");
}

TEST_F(TlsServerTest, OldVersionsAreRefusedAnd12IsSpoken) {
  TestServer& server = start();
  TlsTestClient old(server, {.max_version = TLS1_1_VERSION});
  EXPECT_FALSE(old.shakeHands());
  TlsTestClient twelve(server, {.protocols = {"http/1.1"}, .max_version = TLS1_2_VERSION});
  ASSERT_TRUE(twelve.shakeHands());
  EXPECT_EQ(twelve.version(), TLS1_2_VERSION);
  twelve.send(kGet);
  EXPECT_TRUE(twelve.receiveUntil("|\n"));
}

TEST_F(TlsServerTest, SessionsAreResumed) {
  TestServer& server = start();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsTestClient first(server, {.max_version = version});
    ASSERT_TRUE(first.shakeHands());
    first.send(kGet);
    ASSERT_TRUE(first.receiveUntil("|\n"));
    const std::unique_ptr<SSL_SESSION, SslFree<SSL_SESSION_free>> ticket(SSL_get1_session(first.session()));
    TlsTestClient second(server, {.max_version = version, .resume = ticket.get()});
    ASSERT_TRUE(second.shakeHands());
    EXPECT_TRUE(second.resumed());
    second.send(kGet);
    EXPECT_TRUE(second.receiveUntil("|\n"));
  }
}

TEST_F(TlsServerTest, PlainHttpIsToldToUseTls) {
  TestServer& server = start();
  for (const char* start : {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "D", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}) {
    RawClient client(server, server.tls_address, 0);
    client.send(start);
    ASSERT_TRUE(client.receiveAll()) << start;
    EXPECT_EQ(client.received.substr(0, 24), "HTTP/1.1 400 Bad Request");
    EXPECT_NE(client.received.find("use https://"), std::string::npos);
  }
  EXPECT_TRUE(server.requests.empty());
  EXPECT_EQ(counters().malformed_requests, 3U);
  EXPECT_TRUE(server.runUntil([&] { return server.server->idle(); }));
}

TEST_F(TlsServerTest, GarbageEndsTheHandshake) {
  TestServer& server = start();
  for (const std::string& garbage : {std::string("\0\1\2\3\4\5\6\7\10", 9), std::string("\x16\x03\x01\x00\x05hello")}) {
    RawClient client(server, server.tls_address, 0);
    client.send(garbage);
    EXPECT_TRUE(client.receiveAll() || client.error != 0);
  }
  EXPECT_EQ(counters().handshakes_failed, 2U);
  EXPECT_EQ(counters().buffered_bytes, 0U);
}

TEST_F(TlsServerTest, ASlowHandshakeIsCut) {
  ServerLimits limits;
  limits.handshake_timeout = 50ms;
  TestServer& server = start(limits);
  RawClient silent(server, server.tls_address, 0);
  RawClient slow(server, server.tls_address, 0);
  for (int i = 0; i < 100 && !slow.ended && slow.error == 0; ++i) {
    // The start of a greeting of 512 bytes, byte by byte.
    slow.send(
        std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03", 10).substr(static_cast<std::size_t>(i % 10), 1));
    server.runFor(2ms);
    slow.poll();
  }
  EXPECT_TRUE(silent.receiveAll());
  EXPECT_TRUE(slow.receiveAll() || slow.error != 0);
  EXPECT_EQ(counters().handshakes_failed, 2U);
  EXPECT_TRUE(server.server->idle());
}

TEST_F(TlsServerTest, ALimitedNumberOfHandshakesIsUnderWay) {
  ServerLimits limits;
  limits.max_handshakes = 2;
  TestServer& server = start(limits);
  auto first = std::make_unique<RawClient>(server, server.tls_address, 0);
  RawClient second(server, server.tls_address, 0);
  ASSERT_TRUE(server.runUntil([&] { return counters().connections_open == 2; }));
  TlsTestClient third(server);
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(third.stepHandshake());
    server.runFor(1ms);
  }
  EXPECT_EQ(counters().connections_accepted, 2U);
  // The plain listener is not held up by them.
  RawClient plain(server);
  plain.send(kGet);
  EXPECT_TRUE(plain.receiveUntil("|\n"));
  first->close();
  ASSERT_TRUE(third.shakeHands());
  third.send(kGet);
  EXPECT_TRUE(third.receiveUntil("|\n"));
}

TEST_F(TlsServerTest, HandshakesCountAsConnections) {
  ServerLimits limits;
  limits.max_connections = 1;
  TestServer& server = start(limits);
  RawClient waiting(server, server.tls_address, 0);
  ASSERT_TRUE(server.runUntil([&] { return counters().connections_open == 1; }));
  EXPECT_FALSE(server.server->idle());
  waiting.close();
  TlsTestClient client(server);
  ASSERT_TRUE(client.shakeHands());
  client.send(kGet);
  EXPECT_TRUE(client.receiveUntil("|\n"));
}

TEST_F(TlsServerTest, DrainCutsHandshakesAndLetsRequestsFinish) {
  TestServer& server = start({}, [](RecordedRequest&) {});
  RawClient waiting(server, server.tls_address, 0);
  TlsTestClient client(server);
  ASSERT_TRUE(client.shakeHands());
  client.send(kGet);
  ASSERT_TRUE(server.runUntil([&] { return server.requests.size() == 1; }));
  server.server->drain();
  EXPECT_TRUE(waiting.receiveAll());
  respond(server.requests[0].stream, 200, "late");
  EXPECT_TRUE(client.receiveAll());
  EXPECT_TRUE(client.received.ends_with("late"));
  EXPECT_TRUE(client.saidGoodbye());
  EXPECT_TRUE(server.runUntil([&] { return server.server->idle(); }));
}

TEST_F(TlsServerTest, AServerEndsWithHandshakesAndRequestsOpen) {
  TestServer& server = start({}, [](RecordedRequest&) {});
  RawClient waiting(server, server.tls_address, 0);
  TlsTestClient client(server);
  ASSERT_TRUE(client.shakeHands());
  client.send(kGet);
  ASSERT_TRUE(server.runUntil([&] { return server.requests.size() == 1; }));
  server.server.reset();
  EXPECT_EQ(server.requests[0].closed, CloseReason::kAborted);
  EXPECT_TRUE(waiting.receiveAll() || waiting.error != 0);
}

TEST_F(TlsServerTest, ATruncatedBodyIsNoEnd) {
  TestServer& server = start({}, [](RecordedRequest& request) { request.stream.resumeReading(); });
  TlsTestClient client(server);
  ASSERT_TRUE(client.shakeHands());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
  ASSERT_TRUE(server.runUntil([&] { return !server.requests.empty() && server.requests[0].body == "half"; }));
  client.truncateOutput();
  ASSERT_TRUE(server.runUntil([&] { return server.requests[0].closed.has_value(); }));
  EXPECT_EQ(server.requests[0].closed, CloseReason::kPeerGone);
  EXPECT_FALSE(server.requests[0].ended);
}

TEST_F(TlsServerTest, BrokenRecordsEndTheConnection) {
  TestServer& server = start({}, [](RecordedRequest& request) { request.stream.resumeReading(); });
  TlsTestClient client(server);
  ASSERT_TRUE(client.shakeHands());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
  ASSERT_TRUE(server.runUntil([&] { return !server.requests.empty() && server.requests[0].body == "half"; }));
  client.sendBelow(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'));
  ASSERT_TRUE(server.runUntil([&] { return server.requests[0].closed.has_value(); }));
  EXPECT_EQ(server.requests[0].closed, CloseReason::kPeerGone);
  EXPECT_TRUE(server.runUntil([&] { return server.server->idle(); }));
  EXPECT_EQ(counters().buffered_bytes, 0U);
}

// A body that the connection's end ends: who reads it must be able to tell a cut from the end.
TEST_F(TlsServerTest, AnAbortedResponseIsSeenToBeCut) {
  for (const bool whole : {true, false}) {
    TestServer& server = start({}, [whole](RecordedRequest& request) {
      request.stream.sendHead({}, std::nullopt);
      request.stream.send(bytesOf("body"));
      if (whole) request.stream.finish({});
    });
    TlsTestClient client(server);
    ASSERT_TRUE(client.shakeHands());
    client.send("GET / HTTP/1.0\r\n\r\n");
    ASSERT_TRUE(client.receiveUntil("body"));
    if (!whole) server.requests[0].stream.abort();
    EXPECT_EQ(client.receiveAll(), whole);
    EXPECT_EQ(client.saidGoodbye(), whole);
  }
}

TEST_F(TlsServerTest, LargeBodiesBothWaysInOneRecordOrMany) {
  TestServer& server = start();
  TlsTestClient client(server);
  ASSERT_TRUE(client.shakeHands());
  std::string body;
  for (int i = 0; body.size() < 3'000'000; ++i) body += std::to_string(i) + ",";
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n");
  for (std::size_t at = 0, size = 1; at < body.size(); at += size, size = size * 3 % 40'009) {
    ASSERT_TRUE(client.send(std::string_view(body).substr(at, size)));
  }
  ASSERT_TRUE(client.receiveUntil("\n"));
  ASSERT_TRUE(client.receiveSize(body.size()));
  EXPECT_TRUE(client.received.ends_with("POST / h|" + body + "\n"));
}

TEST_F(TlsServerTest, AWholePipelineInOneRecordIsServed) {
  TestServer& server = start();
  TlsTestClient client(server);
  ASSERT_TRUE(client.shakeHands());
  std::string pipeline;
  for (int i = 0; i < 200; ++i) pipeline += kGet;
  client.send(pipeline + kLastGet);
  EXPECT_TRUE(client.receiveAll());
  EXPECT_EQ(server.requests.size(), 201U);
}

TEST_F(TlsServerTest, ASlowReaderIsWaitedForWithinTheWatermarks) {
  ServerLimits limits;
  std::size_t produced = 0;
  const std::string chunk(50'000, 'c');
  TestServer& server = start(limits, [&](RecordedRequest& request) {
    request.stream.sendHead({}, std::nullopt);
    request.on_writable = [&] {
      while (produced < 20'000'000) {
        produced += chunk.size();
        if (request.stream.send(bytesOf(chunk)) == WriteRoom::kFull) return;
      }
      request.stream.finish({});
    };
    request.on_writable();
  });
  TlsTestClient client(server, {.receive_buffer = 8192});
  ASSERT_TRUE(client.shakeHands());
  client.send("GET / HTTP/1.0\r\n\r\n");
  server.runFor(100ms);
  // What the kernel took, and the rest up to the watermark.
  EXPECT_LT(produced, 8'000'000U);
  EXPECT_GT(server.requests.at(0).stream.unsentBytes(), 0U);
  EXPECT_LE(server.requests[0].stream.unsentBytes(), limits.write_high_watermark + chunk.size());
  EXPECT_LT(counters().buffered_bytes, 3 * limits.write_high_watermark);
  ASSERT_TRUE(client.receiveAll());
  EXPECT_EQ(client.received.size() - client.received.find("\r\n\r\n") - 4, produced);
  EXPECT_TRUE(server.runUntil([&] { return server.requests[0].closed.has_value(); }));
  EXPECT_EQ(server.requests[0].closed, CloseReason::kFinished);
}

TEST_F(TlsServerTest, AReaderThatTakesNothingIsCut) {
  ServerLimits limits;
  limits.write_timeout = 100ms;
  TestServer& server = start(limits, [](RecordedRequest& request) {
    request.stream.sendHead({}, std::nullopt);
    request.stream.send(bytesOf(std::string(30'000'000, 'x')));
  });
  TlsTestClient client(server, {.receive_buffer = 8192});
  ASSERT_TRUE(client.shakeHands());
  client.send(kGet);
  ASSERT_TRUE(server.runUntil([&] { return !server.requests.empty() && server.requests[0].closed; }));
  EXPECT_EQ(server.requests[0].closed, CloseReason::kTimedOut);
}

TEST_F(TlsServerTest, ABodyThatNobodyReadsIsHeldUp) {
  TestServer& server = start({}, [](RecordedRequest&) {});
  TlsTestClient client(server);
  ASSERT_TRUE(client.shakeHands());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50000000\r\n\r\n");
  std::size_t sent = 0;
  const std::string chunk(100'000, 'x');
  for (int idle = 0; idle < 20;) {
    const int took = SSL_write(client.session(), chunk.data(), static_cast<int>(chunk.size()));
    sent += took > 0 ? static_cast<std::size_t>(took) : 0;
    idle = took > 0 ? 0 : idle + 1;
    server.runFor(1ms);
  }
  EXPECT_LT(sent, 20'000'000U);
  EXPECT_LT(counters().buffered_bytes, 200'000U);
}

TEST_F(TlsServerTest, AnIdleConnectionHoldsLittleAndIsClosedProperly) {
  ServerLimits limits;
  limits.idle_timeout = 300ms;
  TestServer& server = start(limits);
  TlsTestClient client(server);
  ASSERT_TRUE(client.shakeHands());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\n" + std::string(500'000, 'x'));
  ASSERT_TRUE(client.receiveUntil("x\n"));
  server.runFor(10ms);
  EXPECT_LE(counters().buffered_bytes, 48U * 1024);
  EXPECT_TRUE(client.receiveAll());
  EXPECT_TRUE(client.saidGoodbye());
}

TEST_F(TlsServerTest, ReloadIsForNewHandshakesAndLeavesConnectionsAlone) {
  TestServer& server = start();
  TlsTestClient before(server);
  ASSERT_TRUE(before.shakeHands());
  TlsTestClient during(server);
  during.stepHandshake();
  TestCertificates::copy(certificates_.make("renewed", {"h"}), identity_);
  EXPECT_EQ(tls_->reload().replaced, 1U);
  TlsTestClient after(server);
  ASSERT_TRUE(after.shakeHands());
  EXPECT_EQ(after.shownCertificate(), "renewed");
  EXPECT_TRUE(during.shakeHands());
  before.send(kGet);
  EXPECT_TRUE(before.receiveUntil("|\n"));

  TestCertificates::write(identity_.key_file, "no key");
  EXPECT_EQ(tls_->reload().refused.size(), 1U);
  TlsTestClient later(server);
  ASSERT_TRUE(later.shakeHands());
  EXPECT_EQ(later.shownCertificate(), "renewed");
}

// Another thread renews all the while; no handshake and no request may fail for it.
TEST_F(TlsServerTest, ReloadsUnderLoadFailNothing) {
  TestServer& server = start();
  const TlsIdentity pairs[] = {certificates_.make("a", {"h"}), certificates_.make("b", {"h"})};
  std::atomic<bool> stop = false;
  std::atomic<std::size_t> replaced = 0;
  std::thread renewer([&] {
    for (std::size_t i = 0; !stop; ++i) {
      TestCertificates::copy(pairs[i % 2], identity_);
      replaced += tls_->reload().replaced;
    }
  });
  TlsTestClient kept(server);
  EXPECT_TRUE(kept.shakeHands());
  for (int i = 0; i < 100 || (replaced < 20 && i < 10'000); ++i) {
    TlsTestClient client(server, {.host = "h"});
    EXPECT_TRUE(client.shakeHands());
    client.send(kLastGet);
    EXPECT_TRUE(client.receiveAll());
    EXPECT_TRUE(client.received.ends_with("|\n"));
    kept.received.clear();
    kept.send(kGet);
    EXPECT_TRUE(kept.receiveUntil("|\n"));
  }
  stop = true;
  renewer.join();
  EXPECT_EQ(counters().handshakes_failed, 0U);
  EXPECT_GE(replaced, 20U);
}

}  // namespace
}  // namespace wasabi::http
