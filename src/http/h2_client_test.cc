// The client over HTTP/2, against our own server on the same loop.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "http/client.h"
#include "http/client_test_peer.h"
#include "http/server_test_support.h"

namespace wasabi::http {
namespace {

using std::chrono::milliseconds;

class H2Fixture {
 public:
  explicit H2Fixture(TestServer::Script script = {}, const ClientLimits& limits = {})
      : server({}, std::move(script)),
        client(server.loop, limits, socketConnector(server.loop, [](const std::string&, auto done) {
                 done(FileDescriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
               })) {}

  ClientRequest request(std::string method = "GET", bool has_body = false) const {
    ClientRequest request;
    request.method = std::move(method);
    request.authority = "greeter.example";
    request.target = "/hello";
    request.has_body = has_body;
    request.version = Version::kHttp2;
    const std::size_t colon = server.address.rfind(':');
    request.endpoint = {"box", static_cast<std::uint16_t>(std::stoi(server.address.substr(colon + 1)))};
    return request;
  }
  Recorder& begin(const ClientRequest& request) {
    Recorder& recorder = *recorders.emplace_back(std::make_unique<Recorder>());
    exchanges.push_back(client.start(request, recorder));
    return recorder;
  }
  Recorder& fetch(const ClientRequest& request) {
    Recorder& recorder = begin(request);
    EXPECT_TRUE(runUntil([&] { return recorder.done(); }));
    return recorder;
  }
  bool runUntil(const std::function<bool()>& condition) { return server.runUntil(condition); }

  TestServer server;
  std::vector<std::unique_ptr<Recorder>> recorders;
  Client client;
  std::vector<std::unique_ptr<ClientExchange>> exchanges;
};

Fields fieldsOf(std::string_view name, std::string_view value) {
  Fields fields;
  fields.add(name, value);
  return fields;
}

// Answers every part of the body by the same, and its end by a trailer.
void echo(RecordedRequest& request) {
  request.stream.sendHead({.status = 200, .headers = fieldsOf("content-type", "application/grpc"), .reason = {}}, {});
  request.stream.resumeReading();
  request.on_body = [&request] {
    request.stream.send(bytesOf(request.body));
    request.body.clear();
  };
  request.on_end = [&request] { request.stream.finish(fieldsOf("grpc-status", "0")); };
}

TEST(H2ClientTest, StreamsBothWaysWithTrailers) {
  H2Fixture fixture(echo);
  ClientRequest request = fixture.request("POST", true);
  request.headers.add("content-type", "application/grpc");
  request.headers.add("connection", "x");
  Recorder& got = fixture.begin(request);
  ClientExchange& exchange = *fixture.exchanges.back();
  for (const char* message : {"one", "two", "three"}) {
    got.body.clear();
    exchange.send(bytesOf(message));
    ASSERT_TRUE(fixture.runUntil([&] { return got.body == message; })) << got.message;
  }
  EXPECT_FALSE(got.done());
  exchange.finishBody(fieldsOf("x-sum", "7"));
  ASSERT_TRUE(fixture.runUntil([&] { return got.done(); }));
  EXPECT_TRUE(got.ended) << got.message;
  EXPECT_EQ(got.head->status, 200);
  EXPECT_EQ(got.head->headers.find("content-type"), "application/grpc");
  EXPECT_EQ(got.trailers.find("grpc-status"), "0");
  const RecordedRequest& seen = fixture.server.requests.front();
  EXPECT_EQ(seen.summary, "POST /hello greeter.example");
  EXPECT_EQ(seen.trailers, "x-sum=7;");
  EXPECT_EQ(seen.headers, "content-type=application/grpc;");
}

TEST(H2ClientTest, RequestsShareAConnectionUpToTheLimit) {
  std::vector<RecordedRequest*> waiting;
  H2Fixture fixture([&](RecordedRequest& request) { waiting.push_back(&request); },
                    {.max_connections_per_origin = 2, .max_streams_per_connection = 3});
  for (int i = 0; i < 6; ++i) fixture.begin(fixture.request());
  ASSERT_TRUE(fixture.runUntil([&] { return waiting.size() == 6; }));
  EXPECT_EQ(fixture.client.counters().connections_open, 2U);
  EXPECT_EQ(fixture.server.server->counters().connections_accepted, 2U);
  const Recorder& seventh = fixture.fetch(fixture.request());
  EXPECT_EQ(seventh.failure, ClientFailure::kLimit);
  EXPECT_EQ(seventh.progress, RequestProgress::kNotTaken);
  for (RecordedRequest* request : waiting) respond(request->stream, 200, "done");
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(fixture.runUntil([&] { return fixture.recorders[static_cast<std::size_t>(i)]->ended; }));
  }
  // Another one finds room again.
  fixture.begin(fixture.request());
  ASSERT_TRUE(fixture.runUntil([&] { return waiting.size() == 7; }));
  EXPECT_EQ(fixture.server.server->counters().connections_accepted, 2U);
}

TEST(H2ClientTest, OtherProtocolsAndPartitionsHaveConnectionsOfTheirOwn) {
  H2Fixture fixture;
  ClientRequest request = fixture.request();
  EXPECT_TRUE(fixture.fetch(request).ended);
  request.version = Version::kHttp11;
  EXPECT_TRUE(fixture.fetch(request).ended);
  request.version = Version::kHttp2;
  request.partition = "another";
  EXPECT_TRUE(fixture.fetch(request).ended);
  EXPECT_EQ(fixture.client.counters().connections_open, 3U);
}

TEST(H2ClientTest, AStreamThatNobodyReadsHoldsItsPeerBackAndNoOtherStream) {
  constexpr std::size_t kSize = 8 << 20;
  std::size_t written = 0;
  H2Fixture fixture([&](RecordedRequest& request) {
    if (request.stream.request().target != "/large") return respond(request.stream, 200, "small");
    request.stream.sendHead({}, {});
    request.on_writable = [&] {
      const std::string piece(64 << 10, 'x');
      while (written < kSize) {
        written += piece.size();
        if (request.stream.send(bytesOf(piece)) == WriteRoom::kFull) return;
      }
      request.stream.finish({});
    };
    request.on_writable();
  });
  ClientRequest large = fixture.request();
  large.target = "/large";
  Recorder& slow = fixture.begin(large);
  slow.keep_body = false;
  ClientExchange& exchange = *fixture.exchanges.back();
  exchange.pauseReading();
  ASSERT_TRUE(fixture.runUntil([&] { return slow.head.has_value(); }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(fixture.fetch(fixture.request()).body, "small");
  EXPECT_LT(written, 1U << 20);
  EXPECT_EQ(slow.body_bytes, 0U);
  exchange.resumeReading();
  ASSERT_TRUE(fixture.runUntil([&] { return slow.done(); }));
  EXPECT_TRUE(slow.ended) << slow.message;
  EXPECT_EQ(slow.body_bytes, kSize);
}

TEST(H2ClientTest, ASlowPeerHoldsTheUploadBack) {
  constexpr std::size_t kSize = 8 << 20;
  RecordedRequest* upload = nullptr;
  std::size_t received = 0;
  H2Fixture fixture([&](RecordedRequest& request) {
    upload = &request;
    request.on_body = [&] {
      received += request.body.size();
      request.body.clear();
    };
    request.on_end = [&] { respond(request.stream, 200, "thanks"); };
  });
  Recorder& got = fixture.begin(fixture.request("POST", true));
  ClientExchange& exchange = *fixture.exchanges.back();
  std::size_t sent = 0;
  got.on_writable = [&] {
    const std::string piece(64 << 10, 'x');
    while (sent < kSize) {
      sent += piece.size();
      if (exchange.send(bytesOf(piece)) == WriteRoom::kFull) return;
    }
    exchange.finishBody();
  };
  got.on_writable();
  ASSERT_TRUE(fixture.runUntil([&] { return upload != nullptr; }));
  fixture.server.runFor(milliseconds(20));
  EXPECT_LT(sent, 1U << 20);
  upload->stream.resumeReading();
  ASSERT_TRUE(fixture.runUntil([&] { return got.done(); }));
  EXPECT_EQ(got.body, "thanks");
  EXPECT_EQ(received, kSize);
}

TEST(H2ClientTest, TheBodyWaitsForA100) {
  H2Fixture fixture;
  ClientRequest request = fixture.request("PUT", true);
  request.headers.add("content-length", "4");
  request.expect_continue = true;
  request.continue_timeout = std::chrono::hours(1);
  Recorder& got = fixture.begin(request);
  got.on_continue = [&] {
    fixture.exchanges.back()->send(bytesOf("body"));
    fixture.exchanges.back()->finishBody();
  };
  ASSERT_TRUE(fixture.runUntil([&] { return got.done(); }));
  EXPECT_TRUE(got.ended) << got.message;
  EXPECT_EQ(got.continues, 1);
  EXPECT_EQ(fixture.server.requests.front().body, "body");
}

TEST(H2ClientTest, ABodyOfAnotherLengthThanDeclaredFails) {
  H2Fixture fixture;
  ClientRequest request = fixture.request("PUT", true);
  request.headers.add("content-length", "5");
  for (const char* body : {"123456", "1234"}) {
    Recorder& got = fixture.begin(request);
    fixture.exchanges.back()->send(bytesOf(body));
    fixture.exchanges.back()->finishBody();
    ASSERT_TRUE(fixture.runUntil([&] { return got.done(); }));
    EXPECT_EQ(got.failure, ClientFailure::kRequest) << body;
  }
}

TEST(H2ClientTest, ResponsesWithoutBody) {
  H2Fixture fixture([](RecordedRequest& request) {
    const bool head = request.stream.request().method == "HEAD";
    request.stream.sendHead({.status = static_cast<std::uint16_t>(head ? 200 : 204), .headers = {}, .reason = {}},
                            head ? std::optional<std::uint64_t>(77) : std::nullopt);
    request.stream.finish({});
  });
  EXPECT_EQ(fixture.fetch(fixture.request("HEAD")).head->headers.find("content-length"), "77");
  EXPECT_EQ(fixture.fetch(fixture.request()).head->status, 204);
}

TEST(H2ClientTest, AnEarlyAnswerIsDeliveredAndTheBodyDropped) {
  H2Fixture fixture([](RecordedRequest& request) { respond(request.stream, 413, "too much"); });
  Recorder& got = fixture.begin(fixture.request("POST", true));
  ClientExchange& exchange = *fixture.exchanges.back();
  const std::string piece(64 << 10, 'x');
  while (exchange.send(bytesOf(piece)) == WriteRoom::kFree) {
  }
  ASSERT_TRUE(fixture.runUntil([&] { return got.done(); }));
  EXPECT_TRUE(got.ended) << got.message;
  EXPECT_EQ(got.body, "too much");
  EXPECT_TRUE(fixture.fetch(fixture.request()).ended);
  EXPECT_EQ(fixture.server.server->counters().connections_accepted, 1U);
}

TEST(H2ClientTest, DestroyingTheExchangeResetsItsStreamOnly) {
  H2Fixture fixture([](RecordedRequest& request) { request.stream.sendHead({}, {}); });
  Recorder& got = fixture.begin(fixture.request());
  ASSERT_TRUE(fixture.runUntil([&] { return got.head.has_value(); }));
  got.on_done = [] { FAIL() << "called after its end"; };
  fixture.exchanges.clear();
  const RecordedRequest& seen = fixture.server.requests.front();
  ASSERT_TRUE(fixture.runUntil([&] { return seen.closed.has_value(); }));
  EXPECT_EQ(seen.closed, CloseReason::kPeerGone);
  EXPECT_EQ(fixture.client.counters().connections_open, 1U);
  // Also before anything was sent, and while connecting.
  ClientRequest elsewhere = fixture.request();
  elsewhere.partition = "another";
  fixture.begin(elsewhere);
  fixture.exchanges.clear();
  fixture.begin(elsewhere);
  ASSERT_TRUE(fixture.runUntil([&] { return fixture.client.counters().connections_open == 2; }));
  fixture.exchanges.clear();
  fixture.server.runFor(milliseconds(5));
}

TEST(H2ClientTest, TheExchangeMayBeDestroyedInEveryCallback) {
  H2Fixture fixture(echo);
  for (const auto stage : {&Recorder::on_head, &Recorder::on_body, &Recorder::on_done}) {
    Recorder recorder;
    auto exchange = fixture.client.start(fixture.request("POST", true), recorder);
    exchange->send(bytesOf("x"));
    exchange->finishBody();
    bool called = false;
    recorder.*stage = [&] {
      EXPECT_FALSE(called);
      called = true;
      exchange.reset();
    };
    ASSERT_TRUE(fixture.runUntil([&] { return called; }));
    fixture.server.runFor(milliseconds(2));
  }
}

TEST(H2ClientTest, AnObserverMayDestroyAnotherExchange) {
  std::vector<RecordedRequest*> waiting;
  H2Fixture fixture([&](RecordedRequest& request) { waiting.push_back(&request); });
  for (int i = 0; i < 3; ++i) fixture.begin(fixture.request());
  for (const auto& recorder : fixture.recorders) recorder->on_done = [&] { fixture.exchanges.clear(); };
  ASSERT_TRUE(fixture.runUntil([&] { return waiting.size() == 3; }));
  for (RecordedRequest* request : waiting) respond(request->stream, 200, "done");
  ASSERT_TRUE(fixture.runUntil([&] { return fixture.exchanges.empty(); }));
  fixture.server.runFor(milliseconds(5));
  int ended = 0;
  for (const auto& recorder : fixture.recorders) ended += recorder->ended ? 1 : 0;
  EXPECT_EQ(ended, 1);
}

TEST(H2ClientTest, IdleConnectionsEndAfterTheirTime) {
  H2Fixture fixture({}, {.idle_timeout = milliseconds(20)});
  EXPECT_TRUE(fixture.fetch(fixture.request()).ended);
  EXPECT_EQ(fixture.client.counters().connections_open, 1U);
  EXPECT_TRUE(fixture.runUntil([&] { return fixture.client.counters().connections_open == 0; }));
}

TEST(H2ClientTest, AServerThatDrainsIsLeft) {
  RecordedRequest* waiting = nullptr;
  H2Fixture fixture([&](RecordedRequest& request) { waiting = &request; });
  Recorder& got = fixture.begin(fixture.request());
  ASSERT_TRUE(fixture.runUntil([&] { return waiting != nullptr; }));
  fixture.server.server->drain();
  fixture.server.runFor(milliseconds(5));
  respond(waiting->stream, 200, "the last one");
  ASSERT_TRUE(fixture.runUntil([&] { return got.done(); }));
  EXPECT_EQ(got.body, "the last one");
  EXPECT_TRUE(fixture.runUntil([&] { return fixture.client.counters().connections_open == 0; }));
  EXPECT_EQ(fixture.fetch(fixture.request()).failure, ClientFailure::kConnect);
}

TEST(H2ClientTest, TimesOut) {
  H2Fixture fixture([](RecordedRequest& request) {
    if (request.stream.request().target == "/head") request.stream.sendHead({}, {});
  });
  ClientRequest request = fixture.request();
  request.first_byte_timeout = request.between_bytes_timeout = milliseconds(20);
  const Recorder& silent = fixture.fetch(request);
  EXPECT_EQ(silent.failure, ClientFailure::kTimeout);
  EXPECT_EQ(silent.progress, RequestProgress::kTaken);
  request.target = "/head";
  const Recorder& stopped = fixture.fetch(request);
  EXPECT_EQ(stopped.failure, ClientFailure::kTimeout);
  EXPECT_EQ(stopped.progress, RequestProgress::kAnswering);
}

TEST(H2ClientTest, TlsIsRefused) {
  H2Fixture fixture;
  ClientRequest request = fixture.request();
  request.tls = true;
  EXPECT_EQ(fixture.fetch(request).failure, ClientFailure::kRequest);
}

}  // namespace
}  // namespace wasabi::http
