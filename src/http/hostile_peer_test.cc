// Peers that keep to the protocol, more or less, and ask for more than is good for anybody.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "http/h2_test_client.h"
#include "http/server_test_support.h"

namespace wasabi::http {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum FrameType : char { kHeadersFrame = 1, kSettingsFrame = 4, kContinuationFrame = 9 };

std::string frame(FrameType type, char flags, std::string_view payload) {
  std::string text;
  for (const int shift : {16, 8, 0}) text += static_cast<char>((payload.size() >> shift) & 0xff);
  text += {type, flags, 0, 0, 0, type == kSettingsFrame ? '\0' : '\1'};
  return text.append(payload);
}

// :method GET, :scheme http, :path /, :authority h; then "x" with a long value, which the table keeps.
std::string headWithLongField(std::size_t size) {
  std::string head = "\x82\x86\x84\x41\x01h\x40\x01x\x7f";
  std::size_t left = size - 127;
  for (; left >= 128; left >>= 7) head += static_cast<char>((left & 127) | 128);
  head += static_cast<char>(left);
  return head.append(size, 'v');
}

TEST(HostilePeerTest, PipelinedRequestsWaitWhileLargeAnswersAreNotTaken) {
  const std::string large(300'000, 'x');
  TestServer server({}, [&](RecordedRequest& request) { respond(request.stream, 200, large); });
  RawClient client(server, 4096);
  std::string input;
  for (int i = 0; i < 50; ++i) input += "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  client.send(input);
  server.runFor(20ms);
  EXPECT_LE(server.server->counters().buffered_bytes, 1'500'000U);
  // None is forgotten.
  ASSERT_TRUE(client.receiveSize(50 * large.size()));
  ASSERT_TRUE(server.runUntil([&] { return server.requests.size() == 50; }));
}

TEST(HostilePeerTest, AllStreamsOfAConnectionTogetherHoldOnlySoMuch) {
  ServerLimits limits;
  limits.connection_watermark = 500'000;
  TestServer server(limits, [](RecordedRequest& request) {
    request.stream.sendHead({}, std::nullopt);
    request.on_writable = [&request, left = 200'000]() mutable {
      const std::string block(20'000, 'x');
      for (; left > 0; left -= 20'000) {
        if (request.stream.send(bytesOf(block)) == WriteRoom::kFull) return void(left -= 20'000);
      }
      request.stream.finish({});
    };
    request.on_writable();
  });
  H2TestClient client(server, 0);
  for (int i = 0; i < 100; ++i) client.request();
  const TimePoint end = Clock::now() + 50ms;
  client.runUntil([&] { return Clock::now() > end; });
  EXPECT_EQ(server.requests.size(), 100U);
  // The watermark, and a block for each stream, in buffers that may have twice the size.
  EXPECT_LE(server.server->counters().buffered_bytes, 2 * (500'000U + 100U * 20'000U));
}

TEST(HostilePeerTest, WhatWaitsForTheOtherStreamsGoesOnAfterThem) {
  ServerLimits limits;
  limits.connection_watermark = 1'000;
  TestServer server(limits, [](RecordedRequest& request) {
    request.stream.sendHead({}, std::nullopt);
    request.on_writable = [&request, blocks = 0]() mutable {
      while (blocks++ < 10) {
        if (request.stream.send(bytesOf(std::string(5'000, 'x'))) == WriteRoom::kFull) return;
      }
      request.stream.finish({});
    };
    request.on_writable();
  });
  H2TestClient client(server);
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(client.request());
  for (const std::int32_t id : ids) {
    ASSERT_TRUE(client.finish(id));
    EXPECT_EQ(client[id].body.size(), 50'000U);
  }
}

TEST(HostilePeerTest, AHeadThatNeverEndsEndsTheConnection) {
  ServerLimits limits;
  limits.head_timeout = 300ms;
  TestServer server(limits);
  RawClient client(server);
  client.send(std::string(kPreface) + frame(kSettingsFrame, 0, "") + frame(kHeadersFrame, 1, "\x82\x86\x84"));
  ASSERT_TRUE(server.runUntil([&] { return !server.server->idle(); }));
  ASSERT_TRUE(client.receiveAll());
  EXPECT_TRUE(server.requests.empty());
}

TEST(HostilePeerTest, AFewBytesDoNotStandForManyFields) {
  TestServer server;
  RawClient client(server);
  std::string head = headWithLongField(4'000);
  head.append(10'000, '\xbe');  // that field again, 4,000 bytes each
  client.send(std::string(kPreface) + frame(kSettingsFrame, 0, "") + frame(kHeadersFrame, 1 | 4, head));
  const std::string reset_of_stream_1("\0\0\4\3\0\0\0\0\1", 9);
  EXPECT_TRUE(server.runUntil([&] {
    client.poll();
    return client.received.find(reset_of_stream_1) != std::string::npos;
  }));
  EXPECT_TRUE(server.requests.empty());
}

}  // namespace
}  // namespace wasabi::http
