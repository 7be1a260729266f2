// Times and back-pressure of the client, both ways.
#include <gtest/gtest.h>

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
constexpr std::string_view kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

TEST(ClientFlowTest, TimesOut) {
  ClientFixture fixture;
  SilentPeer silent;
  ClientRequest request = fixture.get(silent.authority());
  request.first_byte_timeout = milliseconds(30);
  EXPECT_EQ(fixture.fetch(request).failure, ClientFailure::kTimeout);

  // A head that drips does not stretch its time.
  Peer dripping([](PeerConnection& connection, int) {
    connection.write("HTTP/1.1 200 OK\r\nX: ");
    while (connection.write("x")) std::this_thread::sleep_for(milliseconds(5));
  });
  Peer interim([](PeerConnection& connection, int) {
    while (connection.write("HTTP/1.1 100 Continue\r\n\r\n")) std::this_thread::sleep_for(milliseconds(5));
  });
  request.authority = dripping.authority();
  request.first_byte_timeout = milliseconds(60);
  EXPECT_EQ(fixture.fetch(request).failure, ClientFailure::kTimeout);
  request.authority = interim.authority();
  EXPECT_EQ(fixture.fetch(request).failure, ClientFailure::kTimeout);

  Peer stopping([](PeerConnection& connection, int) {
    connection.readUntil(kEndOfHead);
    connection.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
    connection.readAll();
  });
  request = fixture.get(stopping.authority());
  request.between_bytes_timeout = milliseconds(30);
  const Recorder& stopped = fixture.fetch(request);
  EXPECT_EQ(stopped.failure, ClientFailure::kTimeout);
  EXPECT_EQ(stopped.body, "hel");
}

TEST(ClientFlowTest, ASlowBodyThatKeepsComingDoesNotTimeOut) {
  Peer peer([](PeerConnection& connection, int) {
    connection.readUntil(kEndOfHead);
    connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
    for (int i = 0; i < 10; ++i) {
      std::this_thread::sleep_for(milliseconds(80));
      connection.write("x");
    }
  });
  ClientFixture fixture;
  ClientRequest request = fixture.get(peer.authority());
  request.between_bytes_timeout = milliseconds(500);
  EXPECT_TRUE(fixture.fetch(request).ended);
}

TEST(ClientFlowTest, TheClocksRestWhileTheUserIsWaitedFor) {
  Peer peer([](PeerConnection& connection, int) {
    connection.readUntil("0\r\n\r\n");
    connection.write(kHello);
    connection.readAll();
  });
  ClientFixture fixture;
  ClientRequest request = fixture.get(peer.authority());
  request.has_body = true;
  request.first_byte_timeout = request.between_bytes_timeout = milliseconds(300);
  Recorder recorder;
  const auto exchange = fixture.client->start(request, recorder);
  exchange->pauseReading();
  fixture.runFor(milliseconds(700));
  exchange->finishBody();
  ASSERT_TRUE(fixture.runUntil([&] { return recorder.head.has_value(); })) << recorder.message;
  fixture.runFor(milliseconds(700));
  EXPECT_EQ(recorder.body, "");
  exchange->resumeReading();
  ASSERT_TRUE(fixture.runUntil([&] { return recorder.done(); }));
  EXPECT_TRUE(recorder.ended) << recorder.message;
}

TEST(ClientFlowTest, PausedReadingHoldsThePeerBack) {
  constexpr std::size_t kSize = 64 << 20;
  std::atomic<std::size_t> written = 0;
  Peer peer([&](PeerConnection& connection, int) {
    connection.readUntil(kEndOfHead);
    connection.write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kSize) + kEndOfHead.data());
    const std::string piece(64 << 10, 'x');
    while (written < kSize && connection.write(piece)) written += piece.size();
  });
  ClientFixture fixture;
  Recorder recorder;
  recorder.keep_body = false;
  auto exchange = fixture.client->start(fixture.get(peer.authority()), recorder);
  recorder.on_body = [&] { exchange->pauseReading(); };
  ASSERT_TRUE(fixture.runUntil([&] { return recorder.body_bytes > 0; }));
  fixture.runFor(milliseconds(100));
  const std::size_t before = recorder.body_bytes;
  EXPECT_LT(written, kSize / 2);  // the rest of what went out is in the kernel's buffers
  fixture.runFor(milliseconds(50));
  EXPECT_EQ(recorder.body_bytes, before);
  recorder.on_body = [] {};
  exchange->resumeReading();
  ASSERT_TRUE(fixture.runUntil([&] { return recorder.done(); }));
  EXPECT_EQ(recorder.body_bytes, kSize);
}

TEST(ClientFlowTest, ASlowPeerHoldsTheUploadBack) {
  std::atomic<bool> reading = false;
  std::size_t received = 0;
  Peer peer([&](PeerConnection& connection, int) {
    while (!reading) std::this_thread::sleep_for(milliseconds(1));
    received = connection.readUntil("0\r\n\r\n").size();
    connection.write(kHello);
  });
  ClientFixture fixture;
  ClientRequest request = fixture.get(peer.authority());
  request.has_body = true;
  Recorder recorder;
  const auto exchange = fixture.client->start(request, recorder);
  const std::string piece(64 << 10, 'x');
  std::size_t sent = 0;
  const auto fill = [&] {
    while (sent < (64U << 20)) {
      sent += piece.size();
      if (exchange->send(bytesOf(piece)) == WriteRoom::kFull) return;
    }
    exchange->finishBody();
  };
  recorder.on_writable = fill;
  fill();
  fixture.runFor(milliseconds(100));
  EXPECT_LT(sent, 32U << 20);
  EXPECT_FALSE(recorder.done());
  reading = true;
  ASSERT_TRUE(fixture.runUntil([&] { return recorder.done(); }));
  EXPECT_TRUE(recorder.ended) << recorder.message;
  EXPECT_GT(received, 64U << 20);
}

}  // namespace
}  // namespace wasabi::http
