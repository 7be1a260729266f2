// Upgrades: an exchange that becomes a tunnel.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "base/text.h"
#include "http/client.h"
#include "http/client_test_peer.h"

namespace wasabi::http {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kEndOfHead = "\r\n\r\n";
constexpr std::string_view kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Accept: x\r\n\r\n";

ClientRequest upgradeAt(const ClientFixture& fixture, const Peer& peer) {
  ClientRequest request = fixture.get(peer.authority(), "/chat");
  request.upgrade = "websocket";
  request.headers.add("sec-websocket-key", "k");
  return request;
}

TEST(ClientTunnelTest, CarriesBytesBothWaysAndEndsEachByItself) {
  std::string head;
  std::string received;
  bool ended = false;
  Peer peer([&](PeerConnection& connection, int) {
    head = connection.readUntil(kEndOfHead);
    connection.write(std::string(kSwitching) + "at once");
    received = connection.readUntil("question");
    connection.write("answer");
    received += connection.read(3);
    char byte;
    ended = recv(connection.fd(), &byte, 1, 0) == 0;  // and not a timeout
    connection.write("last words");
  });
  ClientFixture fixture;
  Recorder& got = fixture.begin(upgradeAt(fixture, peer));
  ClientExchange& exchange = *fixture.exchanges.back();
  exchange.send(bytesOf("too early, swallowed"));
  ASSERT_TRUE(fixture.runUntil([&] { return got.body == "at once"; }));
  EXPECT_EQ(got.upgraded->status, 101);
  EXPECT_EQ(got.upgraded->headers.find("upgrade"), "WebSocket");
  EXPECT_EQ(got.upgraded->headers.find("sec-websocket-accept"), "x");
  EXPECT_FALSE(got.upgraded->headers.find("connection"));
  EXPECT_FALSE(got.head.has_value());
  exchange.send(bytesOf("question"));
  ASSERT_TRUE(fixture.runUntil([&] { return got.body == "at onceanswer"; }));
  exchange.send(bytesOf("bye"));
  exchange.finishBody();
  ASSERT_TRUE(fixture.runUntil([&] { return got.done(); }));
  EXPECT_TRUE(got.ended) << got.message;
  EXPECT_EQ(got.body, "at onceanswerlast words");
  EXPECT_EQ(got.input_ends, 1);
  EXPECT_EQ(received, "questionbye");
  EXPECT_TRUE(ended);
  EXPECT_EQ(head, "GET /chat HTTP/1.1\r\nhost: " + peer.authority() +
                      "\r\nsec-websocket-key: k\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
  EXPECT_EQ(fixture.client->counters().connections_open, 0U);
}

TEST(ClientTunnelTest, GoesOnAfterThePeerHasEndedItsDirection) {
  std::string received;  // to be read once `all` says so
  std::atomic<bool> all = false;
  Peer peer([&](PeerConnection& connection, int) {
    connection.readUntil(kEndOfHead);
    connection.write(kSwitching);
    shutdown(connection.fd(), SHUT_WR);
    received = connection.readAll();
    all = true;
  });
  ClientFixture fixture;
  Recorder& got = fixture.begin(upgradeAt(fixture, peer));
  ASSERT_TRUE(fixture.runUntil([&] { return got.input_ends == 1; }));
  fixture.runFor(milliseconds(5));
  EXPECT_FALSE(got.done());
  fixture.exchanges.back()->send(bytesOf("still there"));
  fixture.exchanges.back()->finishBody();
  ASSERT_TRUE(fixture.runUntil([&] { return got.done(); }));
  EXPECT_TRUE(got.ended) << got.message;
  ASSERT_TRUE(fixture.runUntil([&] { return all.load(); }));
  EXPECT_EQ(received, "still there");
}

TEST(ClientTunnelTest, AResetIsAFailure) {
  std::atomic<bool> open = false;
  Peer peer([&](PeerConnection& connection, int) {
    connection.readUntil(kEndOfHead);
    connection.write(kSwitching);
    open.wait(false);
    connection.reset();
  });
  ClientFixture fixture;
  Recorder& got = fixture.begin(upgradeAt(fixture, peer));
  got.on_upgrade = [&] {
    open = true;
    open.notify_one();
  };
  ASSERT_TRUE(fixture.runUntil([&] { return got.done(); }));
  EXPECT_EQ(got.failure, ClientFailure::kDisconnected);
  EXPECT_EQ(got.progress, RequestProgress::kAnswering);
}

TEST(ClientTunnelTest, APeerMayAnswerInsteadOfSwitching) {
  Peer peer([&](PeerConnection& connection, int) {
    while (connection.readUntil(kEndOfHead).ends_with(kEndOfHead)) {
      connection.write("HTTP/1.1 426 No\r\nUpgrade: h3\r\nContent-Length: 2\r\n\r\nno");
    }
  });
  ClientFixture fixture;
  const Recorder& got = fixture.fetch(upgradeAt(fixture, peer));
  EXPECT_TRUE(got.ended) << got.message;
  EXPECT_EQ(got.head->status, 426);
  EXPECT_EQ(got.body, "no");
  EXPECT_FALSE(got.upgraded.has_value());
  EXPECT_EQ(fixture.client->counters().connections_idle, 1U);
}

TEST(ClientTunnelTest, WhatWasNotAskedForIsNotSwitchedTo) {
  for (const char* answer : {"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", "HTTP/1.1 101 X\r\n\r\n",
                             "HTTP/1.0 101 X\r\nUpgrade: websocket\r\n\r\n",
                             "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    Peer peer([&](PeerConnection& connection, int) {
      connection.readUntil(kEndOfHead);
      connection.write(answer);
    });
    ClientFixture fixture;
    EXPECT_EQ(fixture.fetch(upgradeAt(fixture, peer)).failure, ClientFailure::kProtocol) << answer;
  }
}

TEST(ClientTunnelTest, RequestsThatCannotUpgradeAreRefused) {
  ClientFixture fixture;
  ClientRequest request = fixture.get("127.0.0.1:1");
  request.upgrade = "a\r\nb";
  EXPECT_EQ(fixture.fetch(request).failure, ClientFailure::kRequest);
  request.upgrade = "websocket";
  request.has_body = true;
  EXPECT_EQ(fixture.fetch(request).failure, ClientFailure::kRequest);
  request.has_body = false;
  request.tls = true;
  EXPECT_EQ(fixture.fetch(request).failure, ClientFailure::kRequest);
  request.tls = false;
  request.version = Version::kHttp2;
  EXPECT_EQ(fixture.fetch(request).failure, ClientFailure::kRequest);
}

TEST(ClientTunnelTest, ARestingTunnelHasATimeOfItsOwn) {
  Peer peer([&](PeerConnection& connection, int) {
    connection.readUntil(kEndOfHead);
    connection.write(kSwitching);
    connection.readAll();
  });
  ClientFixture fixture;
  ClientRequest request = upgradeAt(fixture, peer);
  request.between_bytes_timeout = milliseconds(10);
  Recorder& lasting = fixture.begin(request);
  ASSERT_TRUE(fixture.runUntil([&] { return lasting.upgraded.has_value(); }));
  fixture.runFor(milliseconds(60));
  EXPECT_FALSE(lasting.done());
  fixture.exchanges.clear();
  request.tunnel_idle_timeout = milliseconds(20);
  Recorder& short_lived = fixture.begin(request);
  ASSERT_TRUE(fixture.runUntil([&] { return short_lived.done(); }));
  EXPECT_EQ(short_lived.failure, ClientFailure::kTimeout);
}

TEST(ClientTunnelTest, BackPressureHoldsBothDirections) {
  constexpr std::size_t kSize = 32 << 20;
  std::atomic<bool> reading = false;
  std::atomic<std::size_t> written = 0;
  std::size_t received = 0;
  Peer peer([&](PeerConnection& connection, int) {
    connection.readUntil(kEndOfHead);
    connection.write(kSwitching);
    while (!reading) std::this_thread::sleep_for(milliseconds(1));
    received = connection.readAll().size();
    const std::string piece(64 << 10, 'x');
    while (written < kSize && connection.write(piece)) written += piece.size();
  });
  ClientFixture fixture;
  Recorder& got = fixture.begin(upgradeAt(fixture, peer));
  got.keep_body = false;
  ClientExchange& exchange = *fixture.exchanges.back();
  ASSERT_TRUE(fixture.runUntil([&] { return got.upgraded.has_value(); }));
  const std::string piece(64 << 10, 'x');
  std::size_t sent = 0;
  got.on_writable = [&] {
    while (sent < kSize) {
      sent += piece.size();
      if (exchange.send(bytesOf(piece)) == WriteRoom::kFull) return;
    }
    exchange.finishBody();
  };
  got.on_writable();
  fixture.runFor(milliseconds(50));
  EXPECT_LT(sent, kSize / 2);
  exchange.pauseReading();
  reading = true;
  ASSERT_TRUE(fixture.runUntil([&] { return written > 0; }));
  fixture.runFor(milliseconds(50));
  EXPECT_LT(written, kSize / 2);
  exchange.resumeReading();
  ASSERT_TRUE(fixture.runUntil([&] { return got.done(); }));
  EXPECT_TRUE(got.ended) << got.message;
  EXPECT_EQ(received, kSize);
  EXPECT_EQ(got.body_bytes, kSize);
}

TEST(ClientTunnelTest, TheExchangeMayBeDestroyedInEveryCallback) {
  Peer peer([&](PeerConnection& connection, int) {
    connection.readUntil(kEndOfHead);
    connection.write(std::string(kSwitching) + "bytes");
  });
  ClientFixture fixture;
  for (const auto stage : {&Recorder::on_upgrade, &Recorder::on_body, &Recorder::on_input_end}) {
    Recorder recorder;
    auto exchange = fixture.client->start(upgradeAt(fixture, peer), recorder);
    bool called = false;
    recorder.*stage = [&] {
      EXPECT_FALSE(called);
      called = true;
      exchange.reset();
    };
    ASSERT_TRUE(fixture.runUntil([&] { return called; }));
    fixture.runFor(milliseconds(5));
    EXPECT_EQ(fixture.client->counters().connections_open, 0U);
  }
}

}  // namespace
}  // namespace wasabi::http
