// What a proxy asks of the client: interim responses, trailers, early answers, and how far a failed request had got.
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
constexpr std::string_view kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

ClientRequest put(const ClientFixture& fixture, const Peer& peer) {
  ClientRequest request = fixture.get(peer.authority());
  request.method = "PUT";
  request.has_body = true;
  return request;
}

TEST(ClientProxyTest, TheBodyWaitsForA100) {
  std::string head;
  std::string body;
  Peer peer([&](PeerConnection& connection, int) {
    head = connection.readUntil(kEndOfHead);
    connection.write(
        "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nConnection: close\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
    body = connection.readUntil("0\r\n\r\n");
    connection.write(kHello);
  });
  ClientFixture fixture;
  ClientRequest request = put(fixture, peer);
  request.expect_continue = true;
  request.continue_timeout = std::chrono::hours(1);
  Recorder& got = fixture.begin(request);
  got.on_continue = [&] {
    fixture.exchanges.back()->send(bytesOf("body"));
    fixture.exchanges.back()->finishBody();
  };
  ASSERT_TRUE(fixture.runUntil([&] { return got.done(); }));
  EXPECT_TRUE(got.ended) << got.message;
  EXPECT_NE(head.find("\r\nexpect: 100-continue\r\n"), std::string::npos);
  EXPECT_EQ(body, "4\r\nbody\r\n0\r\n\r\n");
  EXPECT_EQ(got.continues, 1);
  ASSERT_EQ(got.interims.size(), 1U);
  EXPECT_EQ(got.interims[0].status, 103);
  EXPECT_EQ(got.interims[0].reason, "Early Hints");
  EXPECT_EQ(got.interims[0].headers.find("link"), "</x>");
  EXPECT_EQ(got.interims[0].headers.size(), 1U);
}

TEST(ClientProxyTest, APeerThatDoesNotKnow100IsSentTheBodyAllTheSame) {
  Peer peer([&](PeerConnection& connection, int) {
    connection.readUntil("0\r\n\r\n");
    connection.write(kHello);
  });
  ClientFixture fixture;
  ClientRequest request = put(fixture, peer);
  request.expect_continue = true;
  request.continue_timeout = milliseconds(10);
  Recorder& got = fixture.begin(request);
  got.on_continue = [&] { fixture.exchanges.back()->finishBody(); };
  ASSERT_TRUE(fixture.runUntil([&] { return got.done(); }));
  EXPECT_TRUE(got.ended) << got.message;
  EXPECT_EQ(got.continues, 1);
}

TEST(ClientProxyTest, ARefusalInsteadOfA100IsTheResponse) {
  Peer peer([&](PeerConnection& connection, int) {
    connection.readUntil(kEndOfHead);
    connection.write("HTTP/1.1 503 No Room\r\nContent-Length: 0\r\n\r\n");
    connection.readAll();
  });
  ClientFixture fixture;
  ClientRequest request = put(fixture, peer);
  request.expect_continue = true;
  Recorder& got = fixture.begin(request);
  ASSERT_TRUE(fixture.runUntil([&] { return got.done(); }));
  EXPECT_EQ(got.head->status, 503);
  EXPECT_EQ(got.head->reason, "No Room");
  EXPECT_EQ(got.continues, 0);
  // The body that was announced never came, so that nothing else can be sent there.
  EXPECT_EQ(fixture.client->counters().connections_open, 0U);
}

TEST(ClientProxyTest, A100ThatNobodyAskedForIsNoNews) {
  Peer peer([&](PeerConnection& connection, int) {
    connection.readUntil(kEndOfHead);
    connection.write(std::string("HTTP/1.1 100 Continue\r\n\r\n") + std::string(kHello));
  });
  ClientFixture fixture;
  const Recorder& got = fixture.fetch(fixture.get(peer.authority()));
  EXPECT_TRUE(got.ended);
  EXPECT_EQ(got.continues, 0);
  EXPECT_TRUE(got.interims.empty());
}

TEST(ClientProxyTest, TrailersPassBothWays) {
  std::string received;
  Peer peer([&](PeerConnection& connection, int) {
    received = connection.readUntil("1\r\n\r\n");
    connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n0\r\nX-Sum: 7\r\n\r\n");
  });
  ClientFixture fixture;
  ClientRequest request = put(fixture, peer);
  request.headers.add("trailer", "x-end");
  Recorder& got = fixture.begin(request);
  Fields trailers;
  trailers.add("content-length", "9");
  trailers.add("x-bad", "a\r\nb");
  trailers.add("x-end", "1");
  fixture.exchanges.back()->finishBody(trailers);
  ASSERT_TRUE(fixture.runUntil([&] { return got.done(); }));
  EXPECT_EQ(received, "PUT / HTTP/1.1\r\nhost: " + peer.authority() +
                          "\r\ntrailer: x-end\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-end: 1\r\n\r\n");
  EXPECT_EQ(got.trailers.find("x-sum"), "7");
  EXPECT_EQ(got.head->headers.find("trailer"), "X-Sum");
}

TEST(ClientProxyTest, ResponsesWithoutBodyKeepTheirLength) {
  const char* const answers[] = {"HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n", "HTTP/1.1 204 Nothing\r\n\r\n",
                                 "HTTP/1.1 304 Same\r\nContent-Length: 78\r\nETag: x\r\n\r\n"};
  Peer peer([&](PeerConnection& connection, int) {
    for (const char* answer : answers) {
      connection.readUntil(kEndOfHead);
      connection.write(answer);
    }
  });
  ClientFixture fixture;
  ClientRequest request = fixture.get(peer.authority());
  request.method = "HEAD";
  EXPECT_EQ(fixture.fetch(request).head->headers.find("content-length"), "77");
  request.method = "GET";
  EXPECT_EQ(fixture.fetch(request).head->reason, "Nothing");
  const Recorder& same = fixture.fetch(request);
  EXPECT_TRUE(same.ended);
  EXPECT_EQ(same.head->headers.find("content-length"), "78");
}

TEST(ClientProxyTest, AnEarlyAnswerIsDeliveredAndTheBodyDropped) {
  Peer peer([&](PeerConnection& connection, int) {
    connection.readUntil(kEndOfHead);
    connection.write(kHello);
    connection.readUntil("never");  // takes what comes until the client ends it
  });
  ClientFixture fixture;
  const ClientRequest request = put(fixture, peer);
  Recorder& got = fixture.begin(request);
  ClientExchange& exchange = *fixture.exchanges.back();
  const std::string piece(64 << 10, 'x');
  got.on_writable = [&] {
    while (exchange.send(bytesOf(piece)) == WriteRoom::kFree) {
    }
  };
  got.on_writable();
  ASSERT_TRUE(fixture.runUntil([&] { return got.done(); }));
  EXPECT_TRUE(got.ended) << got.message;
  EXPECT_EQ(got.body, "hello");
  EXPECT_EQ(exchange.send(bytesOf(piece)), WriteRoom::kFree);  // swallowed
  EXPECT_EQ(fixture.client->counters().connections_open, 0U);
}

TEST(ClientProxyTest, APeerThatStopsReadingMayStillAnswer) {
  const SocketPath socket;
  std::atomic<bool> answered = false;
  Peer peer(
      [&](PeerConnection& connection, int) {
        connection.readUntil(kEndOfHead);
        shutdown(connection.fd(), SHUT_RD);  // writing to a unix socket fails from now on
        answered.wait(false);
        connection.write(kHello);
      },
      socket.listen());
  ClientFixture fixture({}, unixConnector);
  ClientRequest request = put(fixture, peer);
  request.endpoint.name = socket.path();
  Recorder& got = fixture.begin(request);
  ClientExchange& exchange = *fixture.exchanges.back();
  const std::string piece(64 << 10, 'x');
  const auto fill = [&] {
    for (int i = 0; i < 3; ++i) exchange.send(bytesOf(piece));
  };
  for (int i = 0; i < 20; ++i) {
    fill();
    fixture.runFor(milliseconds(1));
  }
  answered = true;
  answered.notify_one();
  ASSERT_TRUE(fixture.runUntil([&] { return got.done(); }));
  EXPECT_TRUE(got.ended) << got.message;
}

TEST(ClientProxyTest, AFailureTellsHowFarItGot) {
  ClientFixture fixture;
  EXPECT_EQ(fixture.fetch(fixture.get("127.0.0.1:1")).progress, RequestProgress::kNotTaken);
  EXPECT_EQ(fixture.fetch(fixture.get("no host")).progress, RequestProgress::kNotTaken);
  const auto progress = [&](std::string answer) {
    Peer peer([answer = std::move(answer)](PeerConnection& connection, int) {
      connection.readUntil(kEndOfHead);
      connection.write(answer);
    });
    return fixture.fetch(fixture.get(peer.authority())).progress;
  };
  EXPECT_EQ(progress(""), RequestProgress::kTaken);
  EXPECT_EQ(progress("H"), RequestProgress::kAnswering);
  EXPECT_EQ(progress("HTTP/1.1 100 Continue\r\n\r\n"), RequestProgress::kAnswering);
  EXPECT_EQ(progress("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"), RequestProgress::kAnswering);
  SilentPeer silent;
  ClientRequest request = fixture.get(silent.authority());
  request.first_byte_timeout = milliseconds(10);
  EXPECT_EQ(fixture.fetch(request).progress, RequestProgress::kTaken);
}

// Answers the first request of a connection, and ends it when the second has come whole.
struct HangingUp {
  Peer::Serve serve(std::string_view end) {
    return [this, end = std::string(end)](PeerConnection& connection, int) {
      connection.readUntil(kEndOfHead);
      connection.write(kHello);
      const std::string second = connection.readUntil(end);
      if (second.ends_with(end)) seen.push_back(second);
    };
  }
  std::vector<std::string> seen;  // what was hung up on
};

TEST(ClientProxyTest, AStaleConnectionIsReplacedOnlyWhereTheRequestMayBeSentAgain) {
  struct Case {
    const char* method;
    bool body;
    bool body_at_once;
    bool retry_stale;
    bool replaced;
  };
  for (const Case& c : {Case{"GET", false, true, true, true}, Case{"GET", false, true, false, false},
                        Case{"PUT", true, true, true, true}, Case{"PUT", true, false, true, false},
                        Case{"POST", true, true, true, false}, Case{"POST", false, true, true, false}}) {
    HangingUp hanging_up;
    Peer peer(hanging_up.serve(c.body ? "0\r\n\r\n" : "\r\n\r\n"));
    ClientFixture fixture;
    EXPECT_TRUE(fixture.fetch(fixture.get(peer.authority())).ended);
    ClientRequest request = fixture.get(peer.authority());
    request.method = c.method;
    request.has_body = c.body;
    request.retry_stale = c.retry_stale;
    Recorder& got = fixture.begin(request);
    if (!c.body_at_once) {
      fixture.exchanges.back()->send(bytesOf("first"));
      fixture.runFor(milliseconds(10));
    }
    if (c.body) {
      fixture.exchanges.back()->send(bytesOf("body"));
      fixture.exchanges.back()->finishBody();
    }
    ASSERT_TRUE(fixture.runUntil([&] { return got.done(); }));
    EXPECT_EQ(got.ended, c.replaced) << c.method << c.body << c.body_at_once << c.retry_stale << got.message;
    EXPECT_EQ(got.progress.has_value(), !c.replaced);
    EXPECT_EQ(got.progress.value_or(RequestProgress::kTaken), RequestProgress::kTaken) << c.method;
  }
}

// Begun before the loop can hear that the idle connection has ended: found out by asking the socket, or by writing.
TEST(ClientProxyTest, ARequestOfWhichNothingWasTakenIsSentAgainWhateverItIs) {
  for (const bool post : {true, false}) {
    const SocketPath socket;
    std::atomic<int> closed = 0;
    std::string received;
    Peer peer(
        [&](PeerConnection& connection, int index) {
          received = connection.readUntil(post && index > 0 ? "0\r\n\r\n" : "\r\n\r\n");
          connection.write(kHello);
          connection.close();
          ++closed;
        },
        socket.listen());
    ClientFixture fixture({}, unixConnector);
    ClientRequest request = fixture.get("shop.example");
    request.endpoint.name = socket.path();
    fixture.begin(request).on_done = [&] {
      while (closed == 0) std::this_thread::sleep_for(milliseconds(1));
      request.method = post ? "POST" : "DELETE";
      request.has_body = post;
      fixture.begin(request);
      fixture.exchanges.back()->send(bytesOf("body"));
      fixture.exchanges.back()->finishBody();
    };
    ASSERT_TRUE(fixture.runUntil([&] { return fixture.recorders.size() == 2 && fixture.recorders[1]->done(); }));
    EXPECT_TRUE(fixture.recorders[1]->ended) << fixture.recorders[1]->message;
    EXPECT_EQ(received.substr(0, 4), post ? "POST" : "DELE");
  }
}

TEST(ClientProxyTest, AnIdleConnectionThatEndsIsGoneAtOnce) {
  Peer peer([&](PeerConnection& connection, int) {
    connection.readUntil(kEndOfHead);
    connection.write(kHello);
  });
  ClientFixture fixture({.idle_timeout = std::chrono::hours(1)});
  EXPECT_TRUE(fixture.fetch(fixture.get(peer.authority())).ended);
  EXPECT_TRUE(fixture.runUntil([&] { return fixture.client->counters().connections_open == 0; }));
}

TEST(ClientProxyTest, TheObserverMayDestroyTheExchangeInTheNewCalls) {
  Peer peer([&](PeerConnection& connection, int) {
    connection.readUntil(kEndOfHead);
    connection.write("HTTP/1.1 100 Continue\r\n\r\n");
    connection.readAll();
  });
  ClientFixture fixture;
  ClientRequest request = put(fixture, peer);
  request.expect_continue = true;
  for (const milliseconds wait : {milliseconds(0), milliseconds(1000)}) {  // by the timeout, by the peer
    request.continue_timeout = wait;
    Recorder got;
    auto exchange = fixture.client->start(request, got);
    got.on_continue = [&] { exchange.reset(); };
    ASSERT_TRUE(fixture.runUntil([&] { return got.continues == 1; }));
    fixture.runFor(milliseconds(5));
    EXPECT_EQ(fixture.client->counters().connections_open, 0U);
  }
}

}  // namespace
}  // namespace wasabi::http
