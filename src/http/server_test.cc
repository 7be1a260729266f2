// What a server does whatever the protocol: its times, its end, its listeners.
#include "http/server.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "http/server_test_support.h"

namespace wasabi::http {
namespace {

using namespace std::chrono_literals;

const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

TEST(ServerTimeoutTest, AHeadThatComesTooSlowlyIs408) {
  ServerLimits limits;
  limits.head_timeout = 50ms;
  TestServer server(limits);
  RawClient client(server);
  const TimePoint start = Clock::now();
  for (const char c : std::string("GET / HTTP/1.1\r\nX: ")) {
    client.send({&c, 1});
    server.runFor(1ms);
  }
  ASSERT_TRUE(client.receiveAll());
  EXPECT_EQ(client.received.substr(0, 13), "HTTP/1.1 408 ");
  EXPECT_GE(Clock::now() - start, 50ms);
}

TEST(ServerTimeoutTest, ASlowHttp2PrefaceIsClosed) {
  ServerLimits limits;
  limits.head_timeout = 30ms;
  TestServer server(limits);
  RawClient client(server);
  client.send("PRI * HT");
  EXPECT_TRUE(client.receiveAll());
  EXPECT_EQ(client.received, "");
}

TEST(ServerTimeoutTest, AnIdleConnectionIsClosed) {
  ServerLimits limits;
  limits.idle_timeout = 300ms;
  TestServer server(limits);
  RawClient silent(server);
  RawClient served(server);
  served.send(kGet);
  EXPECT_TRUE(silent.receiveAll());
  EXPECT_TRUE(served.receiveAll());
  EXPECT_TRUE(served.received.ends_with("|\n"));
  EXPECT_TRUE(server.server->idle());
}

TEST(ServerTimeoutTest, ARequestInProgressIsNotIdle) {
  ServerLimits limits;
  limits.idle_timeout = limits.body_timeout = limits.head_timeout = 300ms;
  TestServer server(limits, [](RecordedRequest&) {});
  RawClient client(server);
  client.send(kGet);
  server.runFor(700ms);
  ASSERT_EQ(server.requests.size(), 1U);
  ASSERT_FALSE(server.requests[0].closed);
  respond(server.requests[0].stream, 200, "late");
  EXPECT_TRUE(client.receiveUntil("late"));
}

TEST(ServerTimeoutTest, ABodyThatStopsComingIs408) {
  ServerLimits limits;
  limits.body_timeout = 40ms;
  TestServer server(limits, [](RecordedRequest& request) { request.stream.resumeReading(); });
  RawClient client(server);
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n123");
  ASSERT_TRUE(client.receiveAll());
  EXPECT_EQ(client.received.substr(0, 13), "HTTP/1.1 408 ");
  EXPECT_EQ(server.requests[0].closed, CloseReason::kTimedOut);
}

TEST(ServerTimeoutTest, ABodyNobodyWantsYetMayWait) {
  ServerLimits limits;
  limits.body_timeout = 20ms;
  TestServer server(limits, [](RecordedRequest&) {});
  RawClient client(server);
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n123");
  ASSERT_TRUE(server.runUntil([&] { return server.requests.size() == 1; }));
  server.runFor(60ms);
  EXPECT_FALSE(server.requests[0].closed);
}

TEST(ServerTimeoutTest, AClientThatTakesNothingIsCutOff) {
  ServerLimits limits;
  limits.write_timeout = 50ms;
  TestServer server(limits,
                    [](RecordedRequest& request) { respond(request.stream, 200, std::string(8'000'000, 'x')); });
  RawClient client(server, 4096);
  client.send(kGet);
  ASSERT_TRUE(server.runUntil([&] { return !server.requests.empty() && server.requests[0].closed; }));
  EXPECT_EQ(server.requests[0].closed, CloseReason::kTimedOut);
  EXPECT_TRUE(server.server->idle());
}

TEST(ServerTimeoutTest, AnIdleServerSleeps) {
  TestServer server;
  RawClient client(server);
  client.send(kGet);
  ASSERT_TRUE(client.receiveUntil("|\n"));
  server.runFor(5ms);
  Timer alarm(server.loop);
  bool rung = false;
  alarm.arm(server.loop.now() + 100ms, [&] { rung = true; });
  int turns = 0;
  while (!rung) {
    server.loop.waitAndRun();
    ++turns;
  }
  EXPECT_LE(turns, 2);
}

TEST(ServerDrainTest, LetsOpenRequestsFinishAndClosesTheRest) {
  TestServer server({}, [](RecordedRequest&) {});
  RawClient idle(server);
  RawClient working(server);
  working.send(kGet);
  ASSERT_TRUE(server.runUntil([&] { return server.requests.size() == 1; }));
  server.server->drain();
  EXPECT_TRUE(idle.receiveAll());
  EXPECT_FALSE(server.server->idle());
  respond(server.requests[0].stream, 200, "done");
  ASSERT_TRUE(working.receiveAll());
  EXPECT_EQ(withoutDate(working.received), "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\ndone");
  EXPECT_EQ(server.requests[0].closed, CloseReason::kFinished);
  working.close();
  EXPECT_TRUE(server.runUntil([&] { return server.server->idle(); }));
}

TEST(ServerDrainTest, ClosesTheListener) {
  TestServer server;
  server.server->drain();
  EXPECT_TRUE(openListener({.text = server.address}).has_value());
}

TEST(ServerDestructionTest, EveryStreamIsToldOnce) {
  TestServer server({}, [](RecordedRequest& request) {
    if (request.summary.starts_with("PUT")) request.stream.resumeReading();
    if (request.summary.starts_with("POST")) request.stream.sendHead({}, std::nullopt);
  });
  RawClient waiting(server);
  waiting.send(kGet);
  RawClient reading(server);
  reading.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n123");
  RawClient writing(server);
  writing.send("POST / HTTP/1.1\r\nHost: h\r\n\r\n");
  RawClient in_head(server);
  in_head.send("GET / HTTP/1.1\r\n");
  RawClient silent(server);
  ASSERT_TRUE(server.runUntil([&] { return server.requests.size() == 3; }));
  server.server.reset();
  for (const auto& request : server.requests) EXPECT_EQ(request.closed, CloseReason::kAborted);
  while (server.loop.runReady() > 0) {
  }
  EXPECT_TRUE(silent.receiveAll());
}

TEST(ServerDestructionTest, MayHappenInsideEveryCallback) {
  enum class At { kRequest, kBody, kEnd, kClosed };
  for (const At at : {At::kRequest, At::kBody, At::kEnd, At::kClosed}) {
    TestServer server({}, [&](RecordedRequest& request) {
      const auto drop = [&server] { server.server.reset(); };
      if (at == At::kBody) request.on_body = drop;
      if (at == At::kEnd) request.on_end = drop;
      if (at == At::kClosed)
        request.on_closed = [drop, index = server.requests.size()] {
          if (index == 1) drop();
        };
      request.stream.resumeReading();
      if (at == At::kRequest) drop();
      if (at == At::kClosed) request.on_end = [&request] { respond(request.stream, 200, "x"); };
    });
    RawClient other(server);
    other.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n123");
    RawClient client(server);
    client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n123");
    EXPECT_TRUE(server.runUntil([&] { return server.server == nullptr; }));
    for (const auto& request : server.requests) EXPECT_TRUE(request.closed.has_value());
    server.loop.runReady();
  }
}

TEST(ServerDestructionTest, TheLoopMayGoRightAfter) {
  auto server = std::make_unique<TestServer>(ServerLimits{}, [](RecordedRequest& request) {
    request.stream.sendHead({}, std::nullopt);
    request.stream.send(bytesOf(std::string(100'000, 'x')));
  });
  RawClient client(*server);
  client.send(kGet);
  ASSERT_TRUE(server->runUntil([&] { return server->requests.size() == 1; }));
  server->requests[0].stream.send(bytesOf("more"));
  server.reset();
}

TEST(ServerDescriptorsTest, RefusesConnectionsWhenThereAreNoDescriptorsLeft) {
  TestServer server;
  RawClient client(server);
  RawClient early(server);
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  // The connections wait in the backlog; no descriptor is left to accept them.
  std::vector<FileDescriptor> hogs;
  rlimit low = before;
  low.rlim_cur = 64;
  ::setrlimit(RLIMIT_NOFILE, &low);
  for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) hogs.emplace_back(fd);
  EXPECT_TRUE(client.receiveAll() || client.error != 0);
  EXPECT_TRUE(server.runUntil([&] { return server.server->counters().connections_refused > 0; }));
  EXPECT_LE(server.server->counters().connections_refused, 2U);
  hogs.clear();
  ::setrlimit(RLIMIT_NOFILE, &before);
  RawClient later(server);
  later.send(kGet);
  EXPECT_TRUE(later.receiveUntil("|\n"));
}

class ListenerTest : public testing::Test {
 protected:
  ListenerTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "wasabi-listener-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~ListenerTest() override { std::filesystem::remove_all(directory_); }

  std::string directory_;
};

TEST_F(ListenerTest, ReplacesAStaleUnixSocketButNotALiveOneOrAFile) {
  const std::string address = "unix:" + directory_ + "/socket";
  auto first = openListener({.text = address});
  ASSERT_TRUE(first.has_value()) << first.error().message();
  EXPECT_EQ(listenerAddress(*first), address);
  const auto live = openListener({.text = address});
  ASSERT_FALSE(live.has_value());
  EXPECT_EQ(live.error().code(), ErrorCode::kConflict);
  EXPECT_NE(live.error().message().find(address), std::string::npos);
  first->reset();
  EXPECT_TRUE(openListener({.text = address}).has_value());

  std::ofstream(directory_ + "/file") << "precious";
  EXPECT_FALSE(openListener({.text = "unix:" + directory_ + "/file"}).has_value());
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/file"));
}

TEST_F(ListenerTest, TellsWhatIsWrongWithAnAddress) {
  for (const char* bad : {"", "8080", "localhost", "h:", "h:x", "h:70000", "::1:80", "[::1:80", "unix:"}) {
    const auto listener = openListener({.text = bad});
    ASSERT_FALSE(listener.has_value()) << bad;
    EXPECT_NE(listener.error().message().find("cannot listen on '"), std::string::npos);
  }
  const auto taken = openListener({.text = "127.0.0.1:0"});
  const auto again = openListener({.text = listenerAddress(*taken)});
  ASSERT_FALSE(again.has_value());
  EXPECT_NE(again.error().message().find("in use"), std::string::npos) << again.error().message();
}

TEST_F(ListenerTest, SharesAPortWhereAsked) {
  const auto first = openListener({.text = "127.0.0.1:0", .share_port = true});
  ASSERT_TRUE(first.has_value());
  EXPECT_TRUE(openListener({.text = listenerAddress(*first), .share_port = true}).has_value());
  EXPECT_FALSE(openListener({.text = listenerAddress(*first)}).has_value());
}

}  // namespace
}  // namespace wasabi::http
