// The server over cleartext HTTP/2 with prior knowledge.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "http/h2_test_client.h"
#include "http/server.h"
#include "http/server_test_support.h"

namespace wasabi::http {
namespace {

using namespace std::chrono_literals;

TEST(H2ServerTest, AnswersRequestsWithAndWithoutBody) {
  TestServer server;
  H2TestClient client(server);
  const auto get = client.request({{":path", "/a?b"}, {"x-one", "1"}, {"cookie", "a=1"}, {"cookie", "b=2"}});
  const auto put = client.request({{":method", "PUT"}}, "hello", true, {{"x-sum", "7"}});
  ASSERT_TRUE(client.finish(get));
  ASSERT_TRUE(client.finish(put));
  EXPECT_EQ(client[get].head, ":status=200;content-length=12;");
  EXPECT_EQ(client[get].body, "GET /a?b h|\n");
  EXPECT_EQ(client[put].body, "PUT / h|hello\n");
  EXPECT_TRUE(client[put].ended);
  EXPECT_EQ(client[put].closed, NGHTTP2_NO_ERROR);
  EXPECT_EQ(server.requests[0].headers, "x-one=1;cookie=a=1; b=2;");
  EXPECT_EQ(server.requests[1].trailers, "x-sum=7;");
  EXPECT_TRUE(server.runUntil([&] { return server.requests[1].closed.has_value(); }));
  EXPECT_EQ(server.requests[0].closed, CloseReason::kFinished);
  EXPECT_EQ(server.requests[1].closed, CloseReason::kFinished);
  EXPECT_EQ(server.server->counters().requests, 2U);
}

TEST(H2ServerTest, ThePrefaceMayComeInPieces) {
  TestServer server;
  RawClient pieces(server);
  const std::string preface = std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + std::string("\0\0\0\4\0\0\0\0\0", 9);
  for (const char c : preface) {
    pieces.send({&c, 1});
    server.runFor(200us);
  }
  EXPECT_TRUE(pieces.receiveSize(9));
  EXPECT_EQ(pieces.received[3], '\x04');  // SETTINGS
}

TEST(H2ServerTest, ServesManyStreamsAtOnce) {
  std::vector<RecordedRequest*> open;
  ServerLimits limits;
  limits.max_concurrent_streams = 2'000;
  TestServer server(limits, [&](RecordedRequest& request) { open.push_back(&request); });
  H2TestClient client(server);
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 2'000; ++i) ids.push_back(client.request({{":path", "/" + std::to_string(i)}}));
  ASSERT_TRUE(client.runUntil([&] { return open.size() == ids.size(); }));
  EXPECT_LE(server.server->counters().buffered_bytes, 1'000'000U);
  for (auto* request : open) respond(request->stream, 200, request->summary);
  for (const auto id : ids) ASSERT_TRUE(client.finish(id));
  EXPECT_EQ(client[ids[1'234]].body, "GET /1234 h");
}

TEST(H2ServerTest, AnnouncesAndKeepsItsLimits) {
  ServerLimits limits;
  limits.max_concurrent_streams = 2;
  limits.read_chunk_bytes = 16 * 1024;
  TestServer server(limits, [](RecordedRequest&) {});
  H2TestClient client(server);
  ASSERT_TRUE(client.runUntil([&] { return !client.settings.empty(); }));
  EXPECT_EQ(client.settings[NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS], 2U);
  EXPECT_EQ(client.settings[NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE], 16U * 1024);
  EXPECT_EQ(client.settings[NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE], 32U * 1024);
}

TEST(H2ServerTest, RefusesWhatIsTooLargeOrNotServed) {
  ServerLimits limits;
  limits.max_header_bytes = 4'096;
  limits.max_header_count = 10;
  limits.max_target_bytes = 100;
  TestServer server(limits);
  H2TestClient client(server);
  const auto status = [&](const H2TestClient::FieldList& fields) {
    const auto id = client.request(fields);
    EXPECT_TRUE(client.finish(id));
    return client[id].head.substr(0, 12);
  };
  EXPECT_EQ(status({{"x", std::string(4'000, 'a')}}), ":status=431;");
  EXPECT_EQ(status(H2TestClient::FieldList(10, {"x", "y"})), ":status=431;");
  EXPECT_EQ(status({{":path", "/" + std::string(100, 'a')}}), ":status=414;");
  EXPECT_EQ(status({{"host", "other"}}), ":status=400;");
  EXPECT_EQ(status({{"expect", "the-worst"}}), ":status=417;");
  EXPECT_EQ(server.requests.size(), 0U);
  EXPECT_EQ(server.server->counters().malformed_requests, 5U);
  EXPECT_EQ(server.malformed, (std::vector{431, 431, 414, 400, 417}));
  EXPECT_EQ(status({}), ":status=200;");
}

TEST(H2ServerTest, ResetsMalformedRequests) {
  TestServer server;
  H2TestClient client(server);
  const auto connection_field = client.request({{"connection", "close"}});
  const auto target = client.request({{":path", "/a b"}});
  const auto newline = client.request({{"x-a", "1\r\nx-b: 2"}});
  const auto lengths = client.request({{"content-length", "1"}, {"content-length", "2"}}, "x");
  const auto short_body = client.request({{":method", "PUT"}, {"content-length", "5"}}, "x");
  for (const auto id : {connection_field, target, newline, lengths, short_body}) {
    ASSERT_TRUE(client.finish(id));
    EXPECT_EQ(client[id].closed, NGHTTP2_PROTOCOL_ERROR) << id;
  }
  const auto fine = client.request();
  EXPECT_TRUE(client.finish(fine));
  EXPECT_TRUE(client[fine].ended);
}

TEST(H2ServerTest, SendsContinueTrailersAndNoBodyForHead) {
  TestServer server({}, [](RecordedRequest& request) {
    if (request.summary.starts_with("HEAD")) {
      request.stream.sendHead({}, 4);
      request.stream.send(bytesOf("four"));
      request.stream.finish({});
      return;
    }
    request.on_end = [&request] {
      request.stream.sendHead({}, std::nullopt);
      request.stream.send(bytesOf(request.body));
      Fields trailers;
      trailers.add("x-t", "1");
      request.stream.finish(trailers);
    };
    request.stream.resumeReading();
  });
  H2TestClient client(server);
  const auto put = client.request({{":method", "PUT"}, {"expect", "100-continue"}}, "", false);
  ASSERT_TRUE(client.runUntil([&] { return !client[put].interim.empty(); }));
  client.continueBody(put, "body", true);
  ASSERT_TRUE(client.finish(put));
  EXPECT_EQ(client[put].interim, std::vector<std::string>{"100"});
  EXPECT_EQ(client[put].body, "body");
  EXPECT_TRUE(client[put].head.ends_with("x-t=1;")) << client[put].head;
  const auto head = client.request({{":method", "HEAD"}});
  ASSERT_TRUE(client.finish(head));
  EXPECT_EQ(client[head].head, ":status=200;content-length=4;");
  EXPECT_EQ(client[head].body, "");
}

TEST(H2ServerTest, AnEarlyAnswerStopsTheBody) {
  TestServer server({}, [](RecordedRequest& request) { respond(request.stream, 413, "too large"); });
  H2TestClient client(server);
  const auto id = client.request({{":method", "PUT"}}, std::string(1'000'000, 'x'), false);
  ASSERT_TRUE(client.finish(id));
  EXPECT_EQ(client[id].body, "too large");
  EXPECT_EQ(client[id].closed, NGHTTP2_NO_ERROR);
  EXPECT_EQ(server.requests[0].closed, CloseReason::kFinished);
}

TEST(H2ServerTest, GrantsWindowOnlyWhileReading) {
  ServerLimits limits;
  limits.read_chunk_bytes = 16 * 1024;
  TestServer server(limits, [](RecordedRequest&) {});
  H2TestClient client(server);
  const auto id = client.request({{":method", "PUT"}}, std::string(1'000'000, 'x'));
  ASSERT_TRUE(client.runUntil([&] { return server.requests.size() == 1; }));
  const TimePoint end = Clock::now() + 20ms;
  client.runUntil([&] { return Clock::now() > end; });
  EXPECT_EQ(server.requests[0].body.size(), 0U);
  // What lies here is no more than the window (the client starts from the protocol's default of 64 KiB).
  EXPECT_LE(server.server->counters().buffered_bytes, 200'000U);
  server.requests[0].on_end = [&] { respond(server.requests[0].stream, 200, "ok"); };
  server.requests[0].stream.resumeReading();
  ASSERT_TRUE(client.finish(id));
  EXPECT_EQ(server.requests[0].body.size(), 1'000'000U);
}

TEST(H2ServerTest, ASlowReaderStopsItsProducerAndNobodyElse) {
  ServerLimits limits;
  limits.write_high_watermark = 100'000;
  limits.write_low_watermark = 10'000;
  std::size_t produced = 0;
  TestServer server(limits, [&](RecordedRequest& request) {
    if (request.summary.starts_with("PUT")) {
      respond(request.stream, 200, "quick");
      return;
    }
    request.stream.sendHead({}, std::nullopt);
    request.on_writable = [&] {
      const std::string block(10'000, 'x');
      while (produced < 1'000'000) {
        produced += block.size();
        if (request.stream.send(bytesOf(block)) == WriteRoom::kFull) return;
      }
      request.stream.finish({});
    };
    request.on_writable();
  });
  H2TestClient client(server, 0);
  const auto slow = client.request();
  const TimePoint end = Clock::now() + 20ms;
  client.runUntil([&] { return Clock::now() > end; });
  EXPECT_LE(produced, 110'000U);
  EXPECT_GE(server.requests[0].stream.unsentBytes(), 100'000U);
  const auto other = client.request({{":method", "PUT"}});
  ASSERT_TRUE(client.runUntil([&] { return !client[other].head.empty(); }));
  EXPECT_FALSE(client[slow].ended);
}

TEST(H2ServerTest, TellsTheHandlerThatTheClientIsGone) {
  TestServer server({}, [](RecordedRequest&) {});
  H2TestClient client(server);
  const auto id = client.request();
  client.request();
  ASSERT_TRUE(client.runUntil([&] { return server.requests.size() == 2; }));
  client.reset(id);
  ASSERT_TRUE(client.runUntil([&] { return server.requests[0].closed.has_value(); }));
  EXPECT_EQ(server.requests[0].closed, CloseReason::kPeerGone);
  EXPECT_FALSE(server.requests[1].closed);
  client.raw.close();
  ASSERT_TRUE(server.runUntil([&] { return server.requests[1].closed.has_value(); }));
  EXPECT_EQ(server.requests[1].closed, CloseReason::kPeerGone);
}

TEST(H2ServerTest, AbortResetsTheStream) {
  TestServer server({}, [](RecordedRequest& request) {
    request.stream.sendHead({}, std::nullopt);
    request.stream.send(bytesOf("part"));
    request.stream.abort();
  });
  H2TestClient client(server);
  const auto id = client.request();
  ASSERT_TRUE(client.finish(id));
  EXPECT_EQ(client[id].closed, NGHTTP2_INTERNAL_ERROR);
  EXPECT_FALSE(client[id].ended);
  EXPECT_EQ(server.requests[0].closed, CloseReason::kAborted);
}

TEST(H2ServerTest, SendsWhatWasPromisedOrResets) {
  TestServer server({}, [](RecordedRequest& request) {
    request.stream.sendHead({}, 4);
    request.stream.send(bytesOf(request.summary.starts_with("PUT") ? "12345678" : "12"));
    request.stream.finish({});
  });
  H2TestClient client(server);
  const auto longer = client.request({{":method", "PUT"}});
  const auto shorter = client.request();
  ASSERT_TRUE(client.finish(longer));
  ASSERT_TRUE(client.finish(shorter));
  EXPECT_EQ(client[longer].body, "1234");
  EXPECT_EQ(client[shorter].closed, NGHTTP2_INTERNAL_ERROR);
}

TEST(H2ServerTest, RapidResetsEndTheConnection) {
  ServerLimits limits;
  limits.max_stream_resets_per_minute = 20;
  TestServer server(limits, [](RecordedRequest&) {});
  H2TestClient client(server);
  for (int i = 0; i < 100 && !client.goaway; ++i) {
    const auto id = client.request();
    client.exchangeBytes();
    client.reset(id);
    client.exchangeBytes();
    server.loop.runReady();
  }
  ASSERT_TRUE(client.runUntil([&] { return client.goaway.has_value() || client.raw.ended; }));
  EXPECT_LE(server.requests.size(), 30U);
  EXPECT_TRUE(server.runUntil([&] {
    for (const auto& request : server.requests) {
      if (!request.closed) return false;
    }
    return true;
  }));
}

TEST(H2ServerTest, ABrokenConnectionEndsEveryStreamAsAProtocolError) {
  TestServer server({}, [](RecordedRequest&) {});
  H2TestClient client(server);
  client.request();
  client.request({{":method", "PUT"}}, "part", false);
  ASSERT_TRUE(client.runUntil([&] { return server.requests.size() == 2; }));
  client.raw.send(std::string("\0\0\1\0\0\0\0\0\0x", 10));  // DATA on stream 0
  ASSERT_TRUE(client.runUntil([&] { return client.raw.ended; }));
  EXPECT_EQ(client.goaway, NGHTTP2_PROTOCOL_ERROR);
  for (const auto& request : server.requests) EXPECT_EQ(request.closed, CloseReason::kProtocolError);
}

TEST(H2ServerTest, APingFloodIsAnsweredOnlySoFar) {
  ServerLimits limits;
  TestServer server(limits, [](RecordedRequest&) {});
  H2TestClient client(server);
  client.exchangeBytes();
  std::string flood;
  for (int i = 0; i < 100'000; ++i) flood += std::string("\0\0\x8\6\0\0\0\0\0", 9) + "pingping";
  // The client takes no answer, so that they pile up; what is held for it stays bounded all the same.
  client.raw.send(flood);
  EXPECT_LE(server.server->counters().buffered_bytes, 2'000'000U);
}

TEST(H2ServerTest, DrainFinishesWhatIsOpen) {
  TestServer server({}, [](RecordedRequest&) {});
  H2TestClient client(server);
  const auto id = client.request();
  ASSERT_TRUE(client.runUntil([&] { return server.requests.size() == 1; }));
  server.server->drain();
  ASSERT_TRUE(client.runUntil([&] { return client.goaway.has_value(); }));
  EXPECT_EQ(client.goaway, NGHTTP2_NO_ERROR);
  EXPECT_FALSE(server.server->idle());
  respond(server.requests[0].stream, 200, "done");
  ASSERT_TRUE(client.finish(id));
  EXPECT_EQ(client[id].body, "done");
  client.raw.close();
  EXPECT_TRUE(server.runUntil([&] { return server.server->idle(); }));
}

TEST(H2ServerTest, TimesBodiesPerStream) {
  ServerLimits limits;
  limits.body_timeout = 60ms;
  TestServer server(limits, [](RecordedRequest& request) {
    if (request.summary.starts_with("PUT")) request.stream.resumeReading();
  });
  H2TestClient client(server);
  const auto put = client.request({{":method", "PUT"}}, "part", false);
  const auto post = client.request({{":method", "POST"}}, "part", false);
  ASSERT_TRUE(client.runUntil([&] { return !client[put].head.empty(); }));
  EXPECT_EQ(client[put].head.substr(0, 12), ":status=408;");
  EXPECT_EQ(server.requests[0].closed, CloseReason::kTimedOut);
  EXPECT_FALSE(server.requests[1].closed);
  EXPECT_FALSE(client[post].closed);
}

TEST(H2ServerTest, TimesWritesPerStream) {
  ServerLimits limits;
  limits.write_timeout = 60ms;
  TestServer server(limits, [](RecordedRequest& request) {
    if (request.summary.starts_with("GET")) respond(request.stream, 200, "nobody takes this");
  });
  H2TestClient client(server, 0);
  const auto get = client.request();
  const auto waiting = client.request({{":method", "PUT"}});
  ASSERT_TRUE(client.finish(get));
  EXPECT_EQ(client[get].closed, NGHTTP2_CANCEL);
  EXPECT_EQ(server.requests[0].closed, CloseReason::kTimedOut);
  EXPECT_FALSE(client[waiting].closed);
}

TEST(H2ServerTest, AnIdleConnectionIsClosedWithGoaway) {
  ServerLimits limits;
  limits.idle_timeout = 300ms;
  TestServer server(limits);
  H2TestClient client(server);
  ASSERT_TRUE(client.finish(client.request()));
  ASSERT_TRUE(client.runUntil([&] { return client.raw.ended; }));
  EXPECT_EQ(client.goaway, NGHTTP2_NO_ERROR);
}

TEST(H2ServerTest, DestructionTellsEveryStreamOnce) {
  TestServer server({}, [](RecordedRequest& request) {
    if (request.summary.starts_with("PUT")) request.stream.resumeReading();
  });
  H2TestClient client(server);
  client.request();
  client.request({{":method", "PUT"}}, "x", false);
  ASSERT_TRUE(client.runUntil([&] { return server.requests.size() == 2 && !server.requests[1].body.empty(); }));
  server.server.reset();
  for (const auto& request : server.requests) EXPECT_EQ(request.closed, CloseReason::kAborted);
  server.loop.runReady();
}

TEST(H2ServerTest, DestructionMayHappenInsideEveryCallback) {
  enum class At { kRequest, kBody, kEnd, kClosed };
  for (const At at : {At::kRequest, At::kBody, At::kEnd, At::kClosed}) {
    TestServer server({}, [&](RecordedRequest& request) {
      const auto drop = [&server] { server.server.reset(); };
      if (at == At::kBody) request.on_body = drop;
      if (at == At::kEnd) request.on_end = drop;
      if (at == At::kClosed) {
        request.on_end = [&request] { respond(request.stream, 200, "x"); };
        request.on_closed = drop;
      }
      request.stream.resumeReading();
      if (at == At::kRequest) drop();
    });
    H2TestClient client(server);
    client.request({{":method", "PUT"}}, "123");
    client.request({{":method", "PUT"}}, "123");
    EXPECT_TRUE(client.runUntil([&] { return server.server == nullptr; }));
    for (const auto& request : server.requests) EXPECT_TRUE(request.closed.has_value());
    server.loop.runReady();
  }
}

}  // namespace
}  // namespace wasabi::http
