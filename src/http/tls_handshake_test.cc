// Handshakes of a server by real clients: protocols, certificates, limits, renewal.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "http/h2_test_client.h"
#include "http/tls_server_fixture.h"

namespace wasabi::http {
namespace {

using namespace std::chrono_literals;

using TlsHandshakeTest = TlsServerTest;

TEST_F(TlsHandshakeTest, SpeaksHttp2WhereTheClientTakesIt) {
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

TEST_F(TlsHandshakeTest, SpeaksHttp1WhereTheClientAsksForThatOrForNothing) {
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

TEST_F(TlsHandshakeTest, HoldsTheClientToTheProtocolThatWasChosen) {
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

TEST_F(TlsHandshakeTest, ShowsTheCertificateOfTheNamedHost) {
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

TEST_F(TlsHandshakeTest, SendsTheIntermediateCertificatesToo) {
  const auto issued = certificates_.make("issued", {.hosts = {"h"}, .with_issuer = true});
  TestServer server;
  server.listenWithTls(*ServerTls::load({issued}));
  TlsTestClient client(server);
  ASSERT_TRUE(client.shakeHands());
  EXPECT_EQ(sk_X509_num(SSL_get_peer_cert_chain(client.session())), 2);
}

TEST_F(TlsHandshakeTest, RequestsHaveTheSchemeHttps) {
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

TEST_F(TlsHandshakeTest, OldVersionsAreRefusedAnd12IsSpoken) {
  TestServer& server = start();
  TlsTestClient old(server, {.max_version = TLS1_1_VERSION});
  EXPECT_FALSE(old.shakeHands());
  TlsTestClient twelve(server, {.protocols = {"http/1.1"}, .max_version = TLS1_2_VERSION});
  ASSERT_TRUE(twelve.shakeHands());
  EXPECT_EQ(twelve.version(), TLS1_2_VERSION);
  twelve.send(kGet);
  EXPECT_TRUE(twelve.receiveUntil("|\n"));
}

TEST_F(TlsHandshakeTest, TermsChooseVersionsAndGroups) {
  TlsTerms terms{.least = TlsTerms::Version::k13};
  terms.groups = "P-384";
  TestServer server;
  server.listenWithTls(*ServerTls::load({identity_}, terms));
  TlsTestClient twelve(server, {.max_version = TLS1_2_VERSION});
  EXPECT_FALSE(twelve.shakeHands());
  TlsTestClient thirteen(server);
  ASSERT_TRUE(thirteen.shakeHands());
  EXPECT_EQ(SSL_get_negotiated_group(thirteen.session()), NID_secp384r1);

  terms.least = terms.most = TlsTerms::Version::k12;
  terms.cipher_suites = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
  server.listenWithTls(*ServerTls::load({identity_}, terms));
  TlsTestClient again(server);
  ASSERT_TRUE(again.shakeHands());
  EXPECT_EQ(again.version(), TLS1_2_VERSION);
  EXPECT_TRUE(std::string(SSL_get_cipher_name(again.session())).ends_with("AES256-GCM-SHA384"));
}

TEST_F(TlsHandshakeTest, TermsThatNobodyKnowsAreRefused) {
  EXPECT_FALSE(ServerTls::load({identity_}, {.groups = "nonsense"}));
  EXPECT_FALSE(ServerTls::load({identity_}, {.cipher_suites = "nonsense"}));
}

TEST_F(TlsHandshakeTest, SessionsAreResumed) {
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

TEST_F(TlsHandshakeTest, PlainHttpIsToldToUseTls) {
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

TEST_F(TlsHandshakeTest, GarbageEndsTheHandshake) {
  TestServer& server = start();
  for (const std::string_view garbage :
       {std::string_view("\0\1\2\3\4\5\6\7\10", 9), std::string_view("\x16\x03\x01\0\5hello", 10),
        std::string_view("\x16\x03\x01\0\5\1\xff\xff\xffx", 10)}) {
    RawClient client(server, server.tls_address, 0);
    client.send(garbage);
    EXPECT_TRUE(client.receiveAll() || client.error != 0);
  }
  EXPECT_EQ(counters().handshakes_failed, 3U);
  EXPECT_EQ(counters().buffered_bytes, 0U);
}

TEST_F(TlsHandshakeTest, ASlowHandshakeIsCut) {
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

TEST_F(TlsHandshakeTest, ALimitedNumberOfHandshakesIsUnderWay) {
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

TEST_F(TlsHandshakeTest, HandshakesCountAsConnections) {
  ServerLimits limits;
  limits.max_connections = 1;
  TestServer& server = start(limits);
  RawClient waiting(server, server.tls_address, 0);
  ASSERT_TRUE(server.runUntil([&] { return counters().connections_open == 1; }));
  EXPECT_FALSE(server.server->idle());
  TlsTestClient client(server);
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(client.stepHandshake());
    server.runFor(1ms);
  }
  EXPECT_EQ(counters().connections_accepted, 1U);
  waiting.close();
  ASSERT_TRUE(client.shakeHands());
  client.send(kGet);
  EXPECT_TRUE(client.receiveUntil("|\n"));
}

TEST_F(TlsHandshakeTest, DrainCutsHandshakesAndLetsRequestsFinish) {
  ServerLimits limits;
  limits.handshake_timeout = 1h;
  TestServer& server = start(limits, [](RecordedRequest&) {});
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
  client.close();
  EXPECT_TRUE(server.runUntil([&] { return server.server->idle(); }));
}

TEST_F(TlsHandshakeTest, AServerEndsWithHandshakesAndRequestsOpen) {
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

// A body that the connection's end ends: who reads it must be able to tell a cut from the end.
TEST_F(TlsHandshakeTest, ReloadIsForNewHandshakesAndLeavesConnectionsAlone) {
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
TEST_F(TlsHandshakeTest, ReloadsUnderLoadFailNothing) {
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
