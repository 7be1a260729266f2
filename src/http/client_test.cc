#include "http/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "http/client_test_peer.h"

namespace wasabi::http {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kEndOfHead = "\r\n\r\n";
constexpr std::string_view kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

// Answers each request of each connection with the same bytes.
Peer::Serve answering(std::string response) {
  return [response = std::move(response)](PeerConnection& connection, int) {
    while (connection.readUntil(kEndOfHead).ends_with(kEndOfHead) && connection.write(response)) {
    }
  };
}
// Answers the first request and ends the connection.
Peer::Serve answeringOnce(std::string response) {
  return [response = std::move(response)](PeerConnection& connection, int) {
    connection.readUntil(kEndOfHead);
    connection.write(response);
  };
}

TEST(ClientTest, FetchesAResponse) {
  std::string request;
  Peer peer([&](PeerConnection& connection, int) {
    request = connection.readUntil(kEndOfHead);
    connection.write("HTTP/1.1 203 Fine\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n");
  });
  ClientFixture fixture;
  const Recorder& got = fixture.fetch(fixture.get(peer.authority(), "/x?y"));
  EXPECT_TRUE(got.ended) << got.message;
  EXPECT_EQ(got.head->status, 203);
  EXPECT_EQ(got.head->headers.find("x-a"), "b");
  EXPECT_EQ(got.body, "abc");
  EXPECT_EQ(got.trailers.find("t"), "1");
  EXPECT_EQ(request, "GET /x?y HTTP/1.1\r\nhost: " + peer.authority() + "\r\n\r\n");
}

TEST(ClientTest, BodyUntilTheConnectionEnds) {
  Peer peer(answeringOnce("HTTP/1.1 200 OK\r\n\r\nall of it"));
  ClientFixture fixture;
  const Recorder& got = fixture.fetch(fixture.get(peer.authority()));
  EXPECT_TRUE(got.ended) << got.message;
  EXPECT_EQ(got.body, "all of it");
  EXPECT_EQ(fixture.client->counters().connections_open, 0U);
}

TEST(ClientTest, NeverCallsFromInsideStart) {
  ClientFixture fixture;
  Recorder recorder;
  const auto exchange = fixture.client->start(fixture.get("not a host"), recorder);
  EXPECT_FALSE(recorder.done());
  ASSERT_TRUE(fixture.runUntil([&] { return recorder.done(); }));
  EXPECT_EQ(recorder.failure, ClientFailure::kRequest);
}

TEST(ClientTest, UploadsInChunksAndByLength) {
  std::string received[2];
  Peer peer([&](PeerConnection& connection, int) {
    received[0] = connection.readUntil("0\r\n\r\n");
    connection.write(kHello);
    received[1] = connection.readUntil("ten bytes.");
    connection.write(kHello);
  });
  ClientFixture fixture;
  ClientRequest request = fixture.get(peer.authority());
  request.method = "POST";
  request.has_body = true;
  for (const bool by_length : {false, true}) {
    if (by_length) request.headers.add("content-length", "10");
    Recorder recorder;
    const auto exchange = fixture.client->start(request, recorder);
    EXPECT_EQ(exchange->send(bytesOf("ten ")), WriteRoom::kFree);
    fixture.runFor(milliseconds(20));
    EXPECT_EQ(exchange->send(bytesOf("bytes.")), WriteRoom::kFree);
    exchange->finishBody();
    ASSERT_TRUE(fixture.runUntil([&] { return recorder.done(); }));
    EXPECT_TRUE(recorder.ended) << recorder.message;
  }
  const std::string host = "host: " + peer.authority() + "\r\n";
  EXPECT_EQ(received[0],
            "POST / HTTP/1.1\r\n" + host + "transfer-encoding: chunked\r\n\r\n4\r\nten \r\n6\r\nbytes.\r\n0\r\n\r\n");
  EXPECT_EQ(received[1], "POST / HTTP/1.1\r\n" + host + "content-length: 10\r\n\r\nten bytes.");
}

TEST(ClientTest, ABodyOfAnotherLengthThanDeclaredFails) {
  Peer peer([](PeerConnection& connection, int) { connection.readAll(); });
  ClientFixture fixture;
  ClientRequest request = fixture.get(peer.authority());
  request.has_body = true;
  request.headers.add("content-length", "5");
  for (const char* body : {"123456", "1234"}) {
    Recorder recorder;
    const auto exchange = fixture.client->start(request, recorder);
    exchange->send(bytesOf(body));
    exchange->finishBody();
    ASSERT_TRUE(fixture.runUntil([&] { return recorder.done(); }));
    EXPECT_EQ(recorder.failure, ClientFailure::kRequest) << body;
  }
}

TEST(ClientTest, AnAnswerBeforeTheEndOfTheUploadEndsTheExchange) {
  Peer peer(answeringOnce("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"));
  ClientFixture fixture;
  ClientRequest request = fixture.get(peer.authority());
  request.has_body = true;
  const Recorder& got = fixture.fetch(request);
  EXPECT_TRUE(got.ended) << got.message;
  EXPECT_EQ(got.head->status, 413);
  EXPECT_EQ(fixture.client->counters().connections_open, 0U);
}

TEST(ClientTest, WhatIsDeniedResolvesNotOrListensNot) {
  Peer peer(answering(std::string(kHello)));
  ClientFixture fixture({.max_idle_per_origin = 0});
  fixture.policy = [](const IpAddress& address) { return address.bytes[0] != 10; };
  const std::string port = ":" + std::to_string(peer.port());
  EXPECT_EQ(fixture.fetch(fixture.get("10.0.0.1" + port)).failure, ClientFailure::kDenied);
  EXPECT_EQ(fixture.fetch(fixture.get("nowhere.test")).failure, ClientFailure::kResolve);
  EXPECT_EQ(fixture.fetch(fixture.get("127.0.0.1:1")).failure, ClientFailure::kConnect);
  // Of a name with several addresses those that are allowed are tried, in order.
  EXPECT_TRUE(fixture.fetch(fixture.get("inside.test" + port)).ended);
  EXPECT_TRUE(fixture.fetch(fixture.get("second.test" + port)).ended);
  fixture.policy = [](const IpAddress& address) { return !isSpecialAddress(address); };
  const Recorder& denied = fixture.fetch(fixture.get("other.test" + port));
  EXPECT_EQ(denied.failure, ClientFailure::kDenied);
  EXPECT_EQ(denied.message.find("127."), std::string::npos) << denied.message;
}

struct BadPeer {
  const char* name;
  const char* response;
  ClientFailure failure;
};
class ClientBadPeerTest : public testing::TestWithParam<BadPeer> {};

TEST_P(ClientBadPeerTest, FailsAndDropsTheConnection) {
  Peer peer(answeringOnce(GetParam().response));
  ClientFixture fixture;
  const Recorder& got = fixture.fetch(fixture.get(peer.authority()));
  EXPECT_EQ(got.failure, GetParam().failure) << got.message;
  EXPECT_EQ(fixture.client->counters().connections_open, 0U);
}

INSTANTIATE_TEST_SUITE_P(
    All, ClientBadPeerTest,
    testing::Values(
        BadPeer{"Nothing", "", ClientFailure::kDisconnected},
        BadPeer{"HalfAHead", "HTTP/1.1 200 OK\r\nConten", ClientFailure::kDisconnected},
        BadPeer{"OnlyInterim", "HTTP/1.1 100 Continue\r\n\r\n", ClientFailure::kDisconnected},
        BadPeer{"HalfABody", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", ClientFailure::kDisconnected},
        BadPeer{"HalfAChunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
                ClientFailure::kDisconnected},
        BadPeer{"NoLastChunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
                ClientFailure::kDisconnected},
        BadPeer{"NotHttp", "220 mail.example ESMTP\r\n", ClientFailure::kProtocol},
        BadPeer{"BothFramings", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                ClientFailure::kProtocol},
        BadPeer{"Switching", "HTTP/1.1 101 Switching Protocols\r\n\r\n", ClientFailure::kProtocol}),
    [](const auto& peer) { return peer.param.name; });

TEST(ClientTest, ResetInTheMiddleOfTheBody) {
  std::atomic<bool> half_is_there = false;
  Peer peer([&](PeerConnection& connection, int) {
    connection.readUntil(kEndOfHead);
    connection.write("HTTP/1.1 200 OK\r\n\r\nhalf");
    half_is_there.wait(false);
    connection.reset();
  });
  ClientFixture fixture;
  Recorder got;
  got.on_body = [&] {
    half_is_there = true;
    half_is_there.notify_one();
  };
  const auto exchange = fixture.client->start(fixture.get(peer.authority()), got);
  ASSERT_TRUE(fixture.runUntil([&] { return got.done(); }));
  EXPECT_EQ(got.failure, ClientFailure::kDisconnected);
  EXPECT_EQ(got.body, "half");
}

TEST(ClientTest, ConnectionsAreUsedAgainWithinAPartition) {
  std::atomic<int> connections = 0;
  Peer peer([&](PeerConnection& connection, int index) {
    connections = index + 1;
    answering(std::string(kHello))(connection, index);
  });
  ClientFixture fixture;
  ClientRequest request = fixture.get(peer.authority());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(fixture.fetch(request).body, "hello");
  EXPECT_EQ(connections, 1);
  EXPECT_EQ(fixture.client->counters().connections_idle, 1U);
  request.partition = "another tenant";
  Recorder recorder;
  const auto exchange = fixture.client->start(request, recorder);
  EXPECT_TRUE(fixture.runUntil([&] { return fixture.client->counters().connections_open == 2; }));
  fixture.runFor(milliseconds(50));
  EXPECT_FALSE(recorder.done());  // the peer serves one connection after the other
}

TEST(ClientTest, AnAnswerWithMoreBytesBehindItIsNotKept) {
  Peer peer(answering(std::string(kHello) + "HTTP/1.1 200 OK\r\n"));
  ClientFixture fixture;
  EXPECT_TRUE(fixture.fetch(fixture.get(peer.authority())).ended);
  EXPECT_EQ(fixture.client->counters().connections_open, 0U);
}

TEST(ClientTest, IdleConnectionsEndAfterTheirTime) {
  Peer peer(answering(std::string(kHello)));
  ClientFixture fixture({.idle_timeout = milliseconds(30)});
  fixture.fetch(fixture.get(peer.authority()));
  EXPECT_EQ(fixture.client->counters().connections_idle, 1U);
  EXPECT_TRUE(fixture.runUntil([&] { return fixture.client->counters().connections_open == 0; }));
}

TEST(ClientTest, LimitsOnConnections) {
  SilentPeer silent;
  Peer peer(answering(std::string(kHello)));
  ClientFixture fixture({.max_connections = 2, .max_connections_per_origin = 1});
  Recorder first;
  auto exchange = fixture.client->start(fixture.get(silent.authority()), first);
  const Recorder& second = fixture.fetch(fixture.get(silent.authority()));
  EXPECT_EQ(second.failure, ClientFailure::kLimit);
  EXPECT_NE(second.message.find("max_connections_per_origin"), std::string::npos);
  // An idle connection gives way to a new one.
  EXPECT_TRUE(fixture.fetch(fixture.get(peer.authority())).ended);
  EXPECT_EQ(fixture.client->counters().connections_open, 2U);
  ClientRequest other = fixture.get(silent.authority());
  other.partition = "b";
  Recorder third;
  const auto third_exchange = fixture.client->start(other, third);
  other.partition = "c";
  EXPECT_EQ(fixture.fetch(other).failure, ClientFailure::kLimit);
  EXPECT_FALSE(third.done());
  exchange.reset();
  EXPECT_EQ(fixture.client->counters().connections_open, 1U);
}

TEST(ClientTest, OneTenantCannotTakeAllConnections) {
  SilentPeer silent;
  ClientFixture fixture({.max_connections = 3, .max_connections_per_partition = 2});
  std::vector<std::unique_ptr<ClientExchange>> held;
  Recorder waiting;
  ClientRequest request = fixture.get("");
  request.partition = "greedy";
  for (const char* host : {"local.test", "other.test"}) {
    request.authority = host + silent.authority().substr(9);
    held.push_back(fixture.client->start(request, waiting));
  }
  request.authority = silent.authority();
  const Recorder& third = fixture.fetch(request);
  EXPECT_EQ(third.failure, ClientFailure::kLimit);
  EXPECT_NE(third.message.find("max_connections_per_partition"), std::string::npos) << third.message;
  request.partition = "modest";
  held.push_back(fixture.client->start(request, waiting));
  EXPECT_TRUE(fixture.runUntil([&] { return fixture.client->counters().connections_open == 3; }));
  fixture.runFor(milliseconds(20));
  EXPECT_FALSE(waiting.done()) << waiting.message;
}

// The peer ends each connection when the second request comes on it, unseen by the pool's look at the idle socket.
Peer::Serve hangingUpOnReuse(std::atomic<int>& requests) {
  return [&requests](PeerConnection& connection, int) {
    connection.readUntil(kEndOfHead);
    ++requests;
    connection.write(kHello);
    if (connection.readUntil(kEndOfHead).ends_with(kEndOfHead)) ++requests;
  };
}

TEST(ClientTest, AStaleConnectionIsReplacedOnceWhereThatIsSafe) {
  std::atomic<int> requests = 0;
  Peer peer(hangingUpOnReuse(requests));
  ClientFixture fixture;
  ClientRequest request = fixture.get(peer.authority());
  EXPECT_TRUE(fixture.fetch(request).ended);
  EXPECT_TRUE(fixture.fetch(request).ended);
  EXPECT_EQ(requests, 3);
  request.method = "POST";
  EXPECT_EQ(fixture.fetch(request).failure, ClientFailure::kDisconnected);
  EXPECT_EQ(requests, 4);
}

TEST(ClientTest, AConnectionThatThePeerHasClosedIsNotUsedAgain) {
  std::atomic<int> closed = 0;
  Peer peer([&](PeerConnection& connection, int index) {
    answeringOnce(std::string(kHello))(connection, index);
    connection.close();
    ++closed;
  });
  ClientFixture fixture;
  ClientRequest request = fixture.get(peer.authority());
  request.method = "POST";  // never retried
  EXPECT_TRUE(fixture.fetch(request).ended);
  ASSERT_TRUE(fixture.runUntil([&] { return closed == 1; }));
  EXPECT_TRUE(fixture.fetch(request).ended);
}

TEST(ClientTest, DestroyingTheExchangeCancelsAtEveryStage) {
  Peer peer([](PeerConnection& connection, int) {
    connection.readUntil(kEndOfHead);
    for (const char* part :
         {"HTTP/1.1 200", " OK\r\nTransfer-Encoding: chunked\r\n\r\n", "3\r\nabc\r\n", "3\r\ndef\r\n"}) {
      if (!connection.write(part)) return;
      std::this_thread::sleep_for(milliseconds(2));
    }
    connection.write("0\r\n\r\n");
  });
  ClientFixture fixture;
  ClientRequest request = fixture.get("local.test:" + std::to_string(peer.port()));
  request.has_body = true;
  for (int turns = 0; turns < 25; ++turns) {
    Recorder recorder;
    auto exchange = fixture.client->start(request, recorder);
    exchange->send(bytesOf("some bytes"));
    exchange->finishBody();
    for (int i = 0; i < turns && !recorder.done(); ++i) fixture.runFor(milliseconds(1));
    const bool done = recorder.done();
    recorder.on_head = recorder.on_body = recorder.on_done = [] { FAIL() << "called after its end"; };
    exchange.reset();
    fixture.runFor(milliseconds(3));
    EXPECT_EQ(recorder.done(), done);
    EXPECT_EQ(fixture.client->counters().connections_open, fixture.client->counters().connections_idle);
  }
}

TEST(ClientTest, TheExchangeMayBeDestroyedInEveryCallback) {
  Peer peer([](PeerConnection& connection, int) {
    connection.readUntil(kEndOfHead);
    connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
  });
  ClientFixture fixture;
  for (const auto stage : {&Recorder::on_head, &Recorder::on_body, &Recorder::on_done}) {
    Recorder recorder;
    auto exchange = fixture.client->start(fixture.get(peer.authority()), recorder);
    bool called = false;
    recorder.*stage = [&] {
      EXPECT_FALSE(called);
      called = true;
      exchange.reset();
    };
    ASSERT_TRUE(fixture.runUntil([&] { return called; }));
    fixture.runFor(milliseconds(5));
  }
  Recorder failing;
  auto exchange = fixture.client->start(fixture.get("127.0.0.1:1"), failing);
  failing.on_done = [&] { exchange.reset(); };
  ASSERT_TRUE(fixture.runUntil([&] { return failing.done(); }));
}

TEST(ClientTest, ExchangesMayOutliveTheClient) {
  Peer peer(answering(std::string(kHello)));
  ClientFixture fixture;
  Recorder recorder;
  const auto exchange = fixture.client->start(fixture.get(peer.authority()), recorder);
  fixture.client.reset();
  ASSERT_TRUE(fixture.runUntil([&] { return recorder.done(); }));
  EXPECT_TRUE(recorder.ended) << recorder.message;
}

}  // namespace
}  // namespace wasabi::http
