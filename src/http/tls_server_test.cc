// Bytes over TLS, both ways, with all that may happen to them.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "http/tls_server_fixture.h"

namespace wasabi::http {
namespace {

using namespace std::chrono_literals;

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

// What is encrypted, but was not taken by the kernel, must neither count as sent nor get lost at the end.
TEST_F(TlsServerTest, TheLastBytesReachASlowReader) {
  const std::string body(100'000, 'p');
  TestServer& server = start({}, [&](RecordedRequest& request) { respond(request.stream, 200, body); }, 4096);
  TlsTestClient client(server, {.receive_buffer = 2048});
  ASSERT_TRUE(client.shakeHands());
  client.send(kLastGet);
  ASSERT_TRUE(server.runUntil([&] { return server.requests.size() == 1; }));
  server.runFor(10ms);
  EXPECT_GT(server.requests[0].stream.unsentBytes(), body.size() / 2);
  ASSERT_TRUE(client.receiveAll());
  EXPECT_TRUE(client.received.ends_with("\r\n\r\n" + body));
  EXPECT_TRUE(client.saidGoodbye());
}

TEST_F(TlsServerTest, TheSocketEndsWithTheStream) {
  TestServer& server = start();
  TlsTestClient client(server);
  ASSERT_TRUE(client.shakeHands());
  client.send("nonsense\r\n\r\n");
  ASSERT_TRUE(client.receiveAll());
  EXPECT_TRUE(client.saidGoodbye());
  // The server lingers for what the client may still send, and must show that it will say no more.
  EXPECT_TRUE(server.runUntil([&] { return client.socketEnded(); }));
  EXPECT_FALSE(server.server->idle());
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
  EXPECT_LE(counters().buffered_bytes, 32U * 1024);
  EXPECT_TRUE(client.receiveAll());
  EXPECT_TRUE(client.saidGoodbye());
}

}  // namespace
}  // namespace wasabi::http
