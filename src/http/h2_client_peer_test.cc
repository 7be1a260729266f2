// The client over HTTP/2, against peers that send frames byte by byte: refusals, resets, goodbyes and what is broken.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include "base/text.h"
#include "http/client.h"
#include "http/client_test_peer.h"

namespace wasabi::http {
namespace {

using std::chrono::milliseconds;

enum FrameType : std::uint8_t { kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kPing = 6, kGoAway = 7 };
constexpr int kEndStream = 1;
constexpr int kAck = 1;
constexpr int kEndHeaders = 4;
constexpr std::uint32_t kNoError = 0;
constexpr std::uint32_t kInternalError = 2;
constexpr std::uint32_t kRefusedStream = 7;

// HPACK: ":status: 200" of the static table; a status and a field as literals.
const std::string kStatus200 = "\x88";
std::string literal(std::string_view name, std::string_view value) {
  std::string text(1, '\0');
  text.append(1, static_cast<char>(name.size())).append(name);
  return text.append(1, static_cast<char>(value.size())).append(value);
}

std::string word(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

std::string frame(FrameType type, int flags, std::uint32_t stream, std::string_view payload) {
  std::string bytes = word(static_cast<std::uint32_t>(payload.size())).substr(1);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  return bytes.append(word(stream)).append(payload);
}

struct Frame {
  int type = -1;  // the connection has ended
  std::uint32_t stream = 0;
};

class H2Peer {
 public:
  explicit H2Peer(PeerConnection& connection, std::string_view settings = {}) : connection_(connection) {
    connection.readUntil("SM\r\n\r\n");
    write(frame(kSettings, 0, 0, settings));
  }

  void write(std::string_view bytes) { connection_.write(bytes); }
  // The stream of the next frame of that type, or 0 at the end.
  std::uint32_t await(FrameType type) {
    for (;;) {
      const Frame next = read();
      if (next.type == type || next.type < 0) return next.stream;
    }
  }
  bool awaitEnd() {
    while (read().type >= 0) {
    }
    return true;
  }
  void answer(std::uint32_t stream, std::string_view body = "hello") {
    write(frame(kHeaders, kEndHeaders, stream, kStatus200) + frame(kData, kEndStream, stream, body));
  }

 private:
  Frame read() {
    const std::string head = connection_.read(9);
    if (head.size() < 9) return {};
    const auto at = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(head[i])); };
    connection_.read(at(0) << 16 | at(1) << 8 | at(2));
    return {static_cast<int>(at(3)), at(5) << 24 | at(6) << 16 | at(7) << 8 | at(8)};
  }
  PeerConnection& connection_;
};

ClientRequest getFrom(const Peer& peer) {
  ClientRequest request;
  request.method = "POST";
  request.authority = peer.authority();
  request.target = "/";
  request.version = Version::kHttp2;
  return request;
}

// Answers the first stream of every connection by these frames for stream 1, and awaits the end of the connection.
Peer::Serve answering(std::string frames) {
  return [frames = std::move(frames)](PeerConnection& connection, int) {
    H2Peer peer(connection);
    peer.await(kHeaders);
    peer.write(frames);
    peer.awaitEnd();
  };
}

TEST(H2ClientPeerTest, ResetsTellHowFarTheRequestGot) {
  struct Case {
    std::string frames;
    ClientFailure failure;
    RequestProgress progress;
  };
  const std::string head = frame(kHeaders, kEndHeaders, 1, kStatus200);
  const std::string nobody = literal(":status", "abc");
  for (const Case& c :
       {Case{frame(kReset, 0, 1, word(kRefusedStream)), ClientFailure::kDisconnected, RequestProgress::kNotTaken},
        Case{frame(kReset, 0, 1, word(kInternalError)), ClientFailure::kDisconnected, RequestProgress::kTaken},
        Case{frame(kReset, 0, 1, word(kNoError)), ClientFailure::kDisconnected, RequestProgress::kTaken},
        Case{head + frame(kReset, 0, 1, word(kInternalError)), ClientFailure::kDisconnected,
             RequestProgress::kAnswering},
        Case{frame(kHeaders, kEndHeaders, 1, nobody), ClientFailure::kProtocol, RequestProgress::kAnswering},
        Case{frame(kData, 0, 1, "x"), ClientFailure::kProtocol, RequestProgress::kTaken}}) {
    Peer peer(answering(c.frames));
    ClientFixture fixture;
    const Recorder& got = fixture.fetch(getFrom(peer));
    EXPECT_EQ(got.failure, c.failure) << got.message;
    EXPECT_EQ(got.progress, c.progress) << got.message;
  }
}

TEST(H2ClientPeerTest, WhatIsNoHttp2EndsTheConnection) {
  for (const char* answer : {"HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n"}) {
    Peer peer([&](PeerConnection& connection, int) {
      connection.readUntil("SM\r\n\r\n");
      connection.write(answer);
      connection.readAll();
    });
    ClientFixture fixture;
    const Recorder& got = fixture.fetch(getFrom(peer));
    EXPECT_EQ(got.failure, ClientFailure::kProtocol) << got.message;
    EXPECT_EQ(fixture.client->counters().connections_open, 0U);
  }
}

TEST(H2ClientPeerTest, AConnectionThatEndsFailsItsStreams) {
  Peer peer([](PeerConnection& connection, int) {
    H2Peer h2(connection);
    h2.await(kHeaders);
    h2.await(kHeaders);
    h2.write(frame(kHeaders, kEndHeaders, 3, kStatus200));
  });
  ClientFixture fixture;
  Recorder& first = fixture.begin(getFrom(peer));
  Recorder& second = fixture.begin(getFrom(peer));
  ASSERT_TRUE(fixture.runUntil([&] { return first.done() && second.done(); }));
  EXPECT_EQ(first.failure, ClientFailure::kDisconnected);
  EXPECT_EQ(first.progress, RequestProgress::kTaken);
  EXPECT_EQ(second.progress, RequestProgress::kAnswering);
}

TEST(H2ClientPeerTest, WhatAGoodbyeLeavesOutIsSentElsewhere) {
  const auto serve = [](PeerConnection& connection, int index) {
    H2Peer h2(connection);
    const std::uint32_t stream = h2.await(kHeaders);
    if (index == 0) {
      h2.write(frame(kGoAway, 0, 0, word(0) + word(kNoError)));
    } else {
      h2.answer(stream);
    }
    h2.awaitEnd();
  };
  {
    Peer peer(serve);
    ClientFixture fixture;
    EXPECT_EQ(fixture.fetch(getFrom(peer)).body, "hello");
  }
  Peer peer(serve);
  ClientFixture fixture;
  ClientRequest request = getFrom(peer);
  request.retry_stale = false;
  const Recorder& got = fixture.fetch(request);
  EXPECT_EQ(got.failure, ClientFailure::kDisconnected);
  EXPECT_EQ(got.progress, RequestProgress::kNotTaken);
}

TEST(H2ClientPeerTest, AStaleConnectionIsReplacedOnlyWhereTheRequestMayBeSentAgain) {
  for (const char* method : {"GET", "POST"}) {
    Peer peer([](PeerConnection& connection, int) {
      H2Peer h2(connection);
      h2.answer(h2.await(kHeaders));
      h2.await(kHeaders);  // and hangs up
    });
    ClientFixture fixture;
    ClientRequest request = getFrom(peer);
    request.method = method;
    EXPECT_TRUE(fixture.fetch(request).ended);
    const Recorder& got = fixture.fetch(request);
    EXPECT_EQ(got.ended, request.method == "GET") << got.message;
  }
}

TEST(H2ClientPeerTest, ThePeersLimitOnStreamsIsKept) {
  std::atomic<int> connections = 0;
  Peer peer([&](PeerConnection& connection, int) {
    ++connections;
    H2Peer h2(connection, std::string("\0\3", 2) + word(1));
    const std::uint32_t stream = h2.await(kHeaders);
    if (connections == 1) h2.answer(stream);
    if (connections == 1) h2.await(kHeaders);
  });
  ClientFixture fixture;
  EXPECT_TRUE(fixture.fetch(getFrom(peer)).ended);
  fixture.begin(getFrom(peer));
  fixture.begin(getFrom(peer));
  EXPECT_TRUE(fixture.runUntil([&] { return connections == 2; }));
}

TEST(H2ClientPeerTest, InterimResponsesAndHeadsBeyondTheLimit) {
  const std::string hints = frame(kHeaders, kEndHeaders, 1, literal(":status", "103") + literal("link", "</x>"));
  Peer peer([&](PeerConnection& connection, int) {
    H2Peer h2(connection);
    h2.await(kHeaders);
    h2.write(hints);
    h2.answer(1);
    h2.awaitEnd();
  });
  {
    ClientFixture fixture;
    const Recorder& got = fixture.fetch(getFrom(peer));
    EXPECT_EQ(got.body, "hello");
    ASSERT_EQ(got.interims.size(), 1U);
    EXPECT_EQ(got.interims[0].status, 103);
    EXPECT_EQ(got.interims[0].headers.find("link"), "</x>");
  }
  std::string endless;
  for (int i = 0; i < 100; ++i) endless += hints;
  std::string large = kStatus200;
  for (int i = 0; i < 100; ++i) large += literal("x", std::string(100, 'y'));
  for (const std::string& frames : {endless, frame(kHeaders, kEndHeaders, 1, large)}) {
    Peer too_large(answering(frames));
    ClientFixture fixture({.max_header_bytes = 4096});
    const Recorder& got = fixture.fetch(getFrom(too_large));
    EXPECT_EQ(got.failure, ClientFailure::kProtocol);
    EXPECT_NE(got.message.find("larger than 4096"), std::string::npos) << got.message;
  }
}

TEST(H2ClientPeerTest, ASilentPeerIsAskedForASignOfLife) {
  for (const bool alive : {true, false}) {
    std::atomic<int> pings = 0;
    Peer peer([&](PeerConnection& connection, int) {
      H2Peer h2(connection);
      const std::uint32_t stream = h2.await(kHeaders);
      while (pings < 3 && connection.fd() >= 0) {
        h2.await(kPing);
        ++pings;
        if (!alive) break;
        h2.write(frame(kPing, kAck, 0, std::string(8, '\0')));
      }
      if (alive) h2.answer(stream);
      h2.awaitEnd();
    });
    ClientFixture fixture({.ping_after = milliseconds(10), .ping_timeout = milliseconds(alive ? 10'000 : 20)});
    const Recorder& got = fixture.fetch(getFrom(peer));
    EXPECT_EQ(got.ended, alive) << got.message;
    EXPECT_EQ(got.failure.value_or(ClientFailure::kTimeout), ClientFailure::kTimeout);
    EXPECT_EQ(pings, alive ? 3 : 1);
  }
}

TEST(H2ClientPeerTest, ExchangesMayOutliveTheClient) {
  Peer peer([](PeerConnection& connection, int) {
    H2Peer h2(connection);
    h2.answer(h2.await(kHeaders));
    h2.awaitEnd();
  });
  ClientFixture fixture;
  Recorder recorder;
  auto exchange = fixture.client->start(getFrom(peer), recorder);
  recorder.on_done = [&] { exchange.reset(); };
  fixture.client.reset();
  ASSERT_TRUE(fixture.runUntil([&] { return recorder.done(); }));
  EXPECT_TRUE(recorder.ended) << recorder.message;
}

}  // namespace
}  // namespace wasabi::http
