// The server over HTTP/1.x: literal bytes in, literal bytes out.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "http/server.h"
#include "http/server_test_support.h"

namespace wasabi::http {
namespace {

using namespace std::chrono_literals;

std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// What a server with the default script says to `input`, until it closes or `size` bytes have come.
std::string exchange(const std::string& input, std::size_t size = 0, const ServerLimits& limits = {}) {
  TestServer server(limits);
  RawClient client(server);
  client.send(input);
  if (size == 0) {
    client.receiveAll();
  } else {
    client.receiveSize(size);
  }
  return withoutDate(client.received);
}

TEST(H1ServerTest, AnswersOneRequestAfterTheOther) {
  TestServer server;
  RawClient client(server);
  for (int i = 0; i < 3; ++i) {
    client.received.clear();
    client.send("GET /a?b HTTP/1.1\r\nHost: h:1\r\nX-One: 1\r\n\r\n");
    ASSERT_TRUE(client.receiveUntil("|\n"));
    EXPECT_EQ(withoutDate(client.received), ok("GET /a?b h:1|\n"));
  }
  EXPECT_EQ(server.server->counters().requests, 3U);
  EXPECT_EQ(server.server->counters().connections_open, 1U);
  EXPECT_EQ(server.requests[0].headers, "x-one=1;");
  EXPECT_EQ(server.requests[0].closed, CloseReason::kFinished);
}

TEST(H1ServerTest, SendsADate) {
  TestServer server;
  RawClient client(server);
  client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(client.receiveUntil("|\n"));
  EXPECT_NE(client.received.find(" GMT\r\n"), std::string::npos) << client.received;
}

TEST(H1ServerTest, AnswersPipelinedRequestsInOrder) {
  std::string input;
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const std::string target = "/" + std::to_string(i);
    const bool has_body = i % 3 == 0;
    input += "POST " + target + " HTTP/1.1\r\nHost: h\r\nContent-Length: " + (has_body ? "3\r\n\r\nabc" : "0\r\n\r\n");
    expected += ok("POST " + target + " h|" + (has_body ? "abc" : "") + "\n");
  }
  TestServer server;
  RawClient client(server);
  client.send(input);
  ASSERT_TRUE(client.receiveUntil("/99 h|abc\n"));
  EXPECT_EQ(withoutDate(client.received), expected);
}

TEST(H1ServerTest, PipelinedAnswersWaitForTheOnesBefore) {
  std::vector<RecordedRequest*> open;
  TestServer server({}, [&](RecordedRequest& request) { open.push_back(&request); });
  RawClient client(server);
  client.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  server.runFor(20ms);
  ASSERT_EQ(open.size(), 1U);
  respond(open[0]->stream, 200, "one");
  ASSERT_TRUE(server.runUntil([&] { return open.size() == 2; }));
  respond(open[1]->stream, 200, "two");
  ASSERT_TRUE(client.receiveUntil("two"));
  EXPECT_EQ(withoutDate(client.received), ok("one") + ok("two"));
}

TEST(H1ServerTest, ReadsBodiesByLengthAndByChunks) {
  EXPECT_EQ(exchange("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"),
            "HTTP/1.1 200 OK\r\ncontent-length: 15\r\nconnection: close\r\n\r\nPOST / h|hello\n");
  TestServer server;
  RawClient client(server);
  client.send(
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "3\r\nhel\r\n0A;ext=\"1\"\r\nlo, world!\r\n0\r\nX-Sum: 7\r\nContent-Length: 9\r\n\r\n");
  ASSERT_TRUE(client.receiveUntil("|hello, world!\n"));
  EXPECT_EQ(server.requests[0].trailers, "x-sum=7;");
  EXPECT_EQ(server.requests[0].headers, "");
}

TEST(H1ServerTest, TheOutcomeDoesNotDependOnHowTheInputIsCut) {
  const std::string input =
      "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n"
      "GET /y HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
      "PUT /z HTTP/1.1\r\nHost: i\r\nContent-Length: 2\r\nConnection: close\r\n\r\nxy";
  const std::string expected = ok("POST /x h|hello\n") +
                               "HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: keep-alive\r\n\r\nGET /y |\n" +
                               "HTTP/1.1 200 OK\r\ncontent-length: 12\r\nconnection: close\r\n\r\nPUT /z i|xy\n";
  TestServer server;
  for (std::size_t cut = 1; cut < input.size(); ++cut) {
    RawClient client(server);
    client.send(input.substr(0, cut));
    while (server.loop.runReady() > 0) {
    }
    client.send(input.substr(cut));
    ASSERT_TRUE(client.receiveAll()) << cut;
    ASSERT_EQ(withoutDate(client.received), expected) << cut;
  }
}

TEST(H1ServerTest, SendsContinueOnceTheBodyIsWanted) {
  RecordedRequest* open = nullptr;
  TestServer server({}, [&](RecordedRequest& request) { open = &request; });
  RawClient client(server);
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n");
  ASSERT_TRUE(server.runUntil([&] { return open != nullptr; }));
  server.runFor(10ms);
  client.poll();
  EXPECT_EQ(client.received, "");
  open->stream.resumeReading();
  ASSERT_TRUE(client.receiveUntil("HTTP/1.1 100 Continue\r\n\r\n"));
  open->on_end = [&] { respond(open->stream, 200, open->body); };
  client.send("hi");
  ASSERT_TRUE(client.receiveUntil("hi"));
  EXPECT_EQ(withoutDate(client.received), "HTTP/1.1 100 Continue\r\n\r\n" + ok("hi"));
}

TEST(H1ServerTest, AnAnswerInsteadOfContinueClosesTheConnection) {
  TestServer server({}, [](RecordedRequest& request) { respond(request.stream, 403, ""); });
  RawClient client(server);
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_TRUE(client.receiveAll());
  EXPECT_EQ(withoutDate(client.received), "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}

TEST(H1ServerTest, FramesWhatHasNoLength) {
  const auto script = [](RecordedRequest& request) {
    request.stream.sendHead({}, std::nullopt);
    request.stream.send(bytesOf("hello "));
    request.stream.send(bytesOf(""));
    request.stream.send(bytesOf("0123456789"));
    Fields trailers;
    trailers.add("X-T", "1");
    trailers.add("Content-Length", "1");
    request.stream.finish(trailers);
  };
  TestServer server({}, script);
  RawClient client(server);
  client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(client.receiveUntil("x-t: 1\r\n\r\n"));
  EXPECT_EQ(
      withoutDate(client.received),
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nhello \r\na\r\n0123456789\r\n0\r\nx-t: 1\r\n\r\n");
  RawClient old(server);
  old.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  ASSERT_TRUE(old.receiveAll());
  EXPECT_EQ(withoutDate(old.received), "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello 0123456789");
}

TEST(H1ServerTest, SwallowsTheBodyWhereThereIsNone) {
  TestServer server({}, [](RecordedRequest& request) {
    const bool empty = request.summary.starts_with("GET");
    respond(request.stream, empty ? 204 : 200, "four");
  });
  RawClient client(server);
  client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(client.receiveAll());
  EXPECT_EQ(withoutDate(client.received),
            "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nHTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
}

TEST(H1ServerTest, KeepsTheHandlersFieldsFromBreakingTheMessage) {
  TestServer server({}, [](RecordedRequest& request) {
    ResponseHead head;
    head.headers.add("X-Good", "1");
    head.headers.add("Connection", "close");
    head.headers.add("Transfer-Encoding", "chunked");
    head.headers.add("Content-Length", "77");
    head.headers.add("X-Split", "a\r\nX-Evil: 1");
    head.headers.add("bad name", "1");
    head.headers.add("Date", "today");
    request.stream.sendHead(head, 0);
    request.stream.finish({});
  });
  RawClient client(server);
  client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(client.receiveUntil("\r\n\r\n"));
  EXPECT_EQ(client.received, "HTTP/1.1 200 OK\r\nx-good: 1\r\ndate: today\r\ncontent-length: 0\r\n\r\n");
}

TEST(H1ServerTest, NeverSendsMoreOrLessThanThePromisedLength) {
  TestServer server({}, [](RecordedRequest& request) {
    request.stream.sendHead({}, 4);
    request.stream.send(bytesOf(request.summary.starts_with("PUT") ? "12345678" : "12"));
    request.stream.finish({});
  });
  RawClient longer(server);
  longer.send("PUT / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(longer.receiveUntil("1234"));
  EXPECT_EQ(withoutDate(longer.received), ok("1234"));
  RawClient shorter(server);
  shorter.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(shorter.receiveAll());
  EXPECT_TRUE(shorter.received.ends_with("\r\n\r\n12"));
  EXPECT_EQ(server.requests[1].closed, CloseReason::kAborted);
}

TEST(H1ServerTest, ReadsOverASmallBodyNobodyWanted) {
  TestServer server({}, [](RecordedRequest& request) { respond(request.stream, 200, request.summary); });
  RawClient client(server);
  client.send("PUT /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234");
  ASSERT_TRUE(client.receiveUntil("/1 h"));
  EXPECT_EQ(server.requests[0].closed, CloseReason::kFinished);
  client.send("56789PUT /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
  client.send("GET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(client.receiveUntil("/3 h"));
  EXPECT_EQ(withoutDate(client.received), ok("PUT /1 h") + ok("PUT /2 h") + ok("GET /3 h"));
}

TEST(H1ServerTest, ClosesAfterALargeBodyNobodyWantedAndIsHeard) {
  TestServer server({}, [](RecordedRequest& request) { respond(request.stream, 413, "too large"); });
  RawClient client(server);
  client.send("PUT /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n");
  client.send(std::string(1'000'000, 'x'));
  ASSERT_TRUE(client.receiveAll());
  EXPECT_TRUE(client.received.ends_with("\r\n\r\ntoo large"));
}

TEST(H1ServerTest, TakesNoBodyWhileReadingIsPaused) {
  RecordedRequest* open = nullptr;
  TestServer server({}, [&](RecordedRequest& request) {
    open = &request;
    request.on_body = [&request] { request.stream.pauseReading(); };
  });
  RawClient client(server);
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n");
  ASSERT_TRUE(server.runUntil([&] { return open != nullptr; }));
  client.send(std::string(300'000, 'x'));
  server.runFor(20ms);
  EXPECT_EQ(open->body.size(), 0U);
  open->stream.resumeReading();
  ASSERT_TRUE(server.runUntil([&] { return !open->body.empty(); }));
  server.runFor(20ms);
  const std::size_t first = open->body.size();
  EXPECT_LE(first, ServerLimits().read_chunk_bytes);
  EXPECT_LE(server.server->counters().buffered_bytes, 200'000U);
  while (!open->ended) {
    open->stream.resumeReading();
    server.loop.runReady();
  }
  EXPECT_EQ(open->body.size(), 300'000U);
}

TEST(H1ServerTest, ASlowReaderStopsTheProducer) {
  ServerLimits limits;
  limits.write_high_watermark = 100'000;
  limits.write_low_watermark = 10'000;
  std::size_t produced = 0;
  RecordedRequest* open = nullptr;
  TestServer server(limits, [&](RecordedRequest& request) {
    open = &request;
    request.stream.sendHead({}, 20'000'000);
    request.on_writable = [&] {
      const std::string block(10'000, 'x');
      while (produced < 20'000'000) {
        produced += block.size();
        if (request.stream.send(bytesOf(block)) == WriteRoom::kFull) return;
      }
      request.stream.finish({});
    };
    request.on_writable();
  });
  RawClient client(server, 4096);
  client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(server.runUntil([&] { return open != nullptr; }));
  std::size_t stopped_at = 0;
  while (std::exchange(stopped_at, produced) != produced) server.runFor(20ms);
  EXPECT_LT(stopped_at, 20'000'000U);
  EXPECT_GT(open->stream.unsentBytes(), 10'000U);
  EXPECT_LE(open->stream.unsentBytes(), 110'000U);
  server.runFor(20ms);
  EXPECT_EQ(produced, stopped_at);
  ASSERT_TRUE(client.receiveSize(20'000'000));
  EXPECT_TRUE(server.runUntil([&] { return open->closed.has_value(); }));
  EXPECT_EQ(open->closed, CloseReason::kFinished);
  EXPECT_LE(server.server->counters().buffered_bytes, 20'000U);
}

TEST(H1ServerTest, NoticesThatTheClientIsGone) {
  TestServer server({}, [](RecordedRequest&) {});
  const auto gone = [&](std::size_t index) {
    return server.runUntil([&] { return server.requests[index].closed.has_value(); }) &&
           server.requests[index].closed == CloseReason::kPeerGone;
  };
  const auto open = [&](std::size_t count) { return server.runUntil([&] { return server.requests.size() == count; }); };
  RawClient closing(server);
  closing.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(open(1));
  closing.close();
  EXPECT_TRUE(gone(0));
  RawClient resetting(server);
  resetting.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(open(2));
  resetting.reset();
  EXPECT_TRUE(gone(1));
  RawClient in_body(server);
  in_body.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n123");
  ASSERT_TRUE(open(3));
  server.requests[2].stream.resumeReading();
  in_body.close();
  EXPECT_TRUE(gone(2));
  EXPECT_TRUE(server.server->idle());
}

TEST(H1ServerTest, NoticesThatTheClientIsGoneWhileItSends) {
  TestServer server({}, [](RecordedRequest& request) {
    request.stream.sendHead({}, std::nullopt);
    request.on_writable = [&request] {
      while (request.stream.send(bytesOf(std::string(10'000, 'x'))) == WriteRoom::kFree) {
      }
    };
    request.on_writable();
  });
  RawClient client(server);
  client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(client.receiveSize(1'000'000));
  client.reset();
  ASSERT_TRUE(server.runUntil([&] { return server.requests[0].closed.has_value(); }));
  EXPECT_EQ(server.requests[0].closed, CloseReason::kPeerGone);
}

TEST(H1ServerTest, AbortCutsTheResponseVisibly) {
  TestServer server({}, [](RecordedRequest& request) {
    if (request.summary.starts_with("GET")) {
      request.stream.sendHead({}, std::nullopt);
      request.stream.send(bytesOf("part"));
    }
    request.stream.abort();
  });
  RawClient chunked(server);
  chunked.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(chunked.receiveAll());
  EXPECT_TRUE(chunked.received.ends_with("4\r\npart\r\n"));
  RawClient until_close(server);
  until_close.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_FALSE(until_close.receiveAll());
  EXPECT_EQ(until_close.error, ECONNRESET);
  RawClient nothing(server);
  nothing.send("PUT / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(nothing.receiveAll());
  EXPECT_EQ(nothing.received, "");
  for (const auto& request : server.requests) EXPECT_EQ(request.closed, CloseReason::kAborted);
}

TEST(H1ServerTest, EndsAConnectionAfterItsShareOfRequests) {
  ServerLimits limits;
  limits.max_requests_per_connection = 2;
  const std::string get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  EXPECT_EQ(exchange(get + get + get, 0, limits),
            ok("GET / h|\n") + "HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nGET / h|\n");
}

TEST(H1ServerTest, RestsAtTheLimitOfConnections) {
  ServerLimits limits;
  limits.max_connections = 2;
  TestServer server(limits);
  auto first = std::make_unique<RawClient>(server);
  RawClient second(server);
  RawClient third(server);
  third.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  server.runFor(20ms);
  EXPECT_EQ(server.server->counters().connections_open, 2U);
  EXPECT_EQ(server.requests.size(), 0U);
  first.reset();
  EXPECT_TRUE(third.receiveUntil("|\n"));
}

}  // namespace
}  // namespace wasabi::http
