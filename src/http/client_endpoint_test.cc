// Connections to what the caller names, and not the authority: unix sockets, and sockets made elsewhere.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "http/client.h"
#include "http/client_test_peer.h"

namespace wasabi::http {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kEndOfHead = "\r\n\r\n";
constexpr std::string_view kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

ClientRequest getFrom(Endpoint endpoint, std::string authority = "shop.example") {
  ClientRequest request;
  request.method = "GET";
  request.authority = std::move(authority);
  request.target = "/";
  request.endpoint = std::move(endpoint);
  return request;
}

struct UnixFixture : ClientFixture {
  explicit UnixFixture(const ClientLimits& limits = {}) : ClientFixture(limits, unixConnector) {}
};

TEST(UnixConnectorTest, ConnectsToThePathAndTellsTheAuthority) {
  const SocketPath socket;
  std::string requests[2];
  Peer peer(
      [&](PeerConnection& connection, int) {
        for (std::string& request : requests) {
          request = connection.readUntil(kEndOfHead);
          connection.write(kHello);
        }
      },
      socket.listen());
  UnixFixture fixture;
  EXPECT_TRUE(fixture.fetch(getFrom({socket.path()})).ended);
  // What the peer is told changes nothing about where the connection goes.
  EXPECT_TRUE(fixture.fetch(getFrom({socket.path()}, "Other.example:99")).ended);
  EXPECT_EQ(requests[0], "GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n");
  EXPECT_EQ(requests[1], "GET / HTTP/1.1\r\nhost: Other.example:99\r\n\r\n");
}

TEST(UnixConnectorTest, SaysWhyItCannotConnect) {
  const SocketPath socket;
  UnixFixture fixture;
  const auto failure = [&](const std::string& path) {
    const Recorder& got = fixture.fetch(getFrom({path}));
    EXPECT_EQ(got.failure, ClientFailure::kConnect);
    EXPECT_EQ(got.progress, RequestProgress::kNotTaken);
    return got.message;
  };
  EXPECT_NE(failure(socket.path()).find("no such socket"), std::string::npos);
  {
    const FileDescriptor left_behind = socket.listen();
  }
  EXPECT_NE(failure(socket.path()).find("nobody listens"), std::string::npos);
  EXPECT_NE(failure("/" + std::string(200, 'x')).find("longer than 107 bytes"), std::string::npos);
  EXPECT_NE(failure("/etc/passwd").find("cannot connect to /etc/passwd"), std::string::npos);
  ClientRequest to_a_host = getFrom({});
  EXPECT_EQ(fixture.fetch(to_a_host).failure, ClientFailure::kConnect);
  EXPECT_EQ(fixture.client->counters().connections_open, 0U);
}

TEST(UnixConnectorTest, AFullBacklogIsWaitedForUntilTheDeadline) {
  const SocketPath socket;
  const FileDescriptor listener = socket.listen(0);
  UnixFixture fixture;
  ClientRequest request = getFrom({socket.path()});
  fixture.begin(request);  // has the one place that there is
  ASSERT_TRUE(fixture.runUntil([&] { return fixture.client->counters().connections_open == 1; }));
  fixture.runFor(milliseconds(20));
  request.connect_timeout = milliseconds(50);
  const Recorder& refused = fixture.fetch(request);
  EXPECT_EQ(refused.failure, ClientFailure::kTimeout);
  EXPECT_NE(refused.message.find("backlog"), std::string::npos) << refused.message;
  request.connect_timeout = std::chrono::seconds(30);
  const Recorder& patient = fixture.begin(request);
  fixture.runFor(milliseconds(20));
  EXPECT_FALSE(patient.done());
  const PeerConnection first(accept(listener.get(), nullptr, nullptr));
  pollfd another{listener.get(), POLLIN, 0};
  ASSERT_TRUE(fixture.runUntil([&] { return poll(&another, 1, 0) == 1; }));
  PeerConnection second(accept(listener.get(), nullptr, nullptr));
  second.readUntil(kEndOfHead);
  second.write(kHello);
  EXPECT_TRUE(fixture.runUntil([&] { return patient.done(); }));
  EXPECT_TRUE(patient.ended) << patient.message;
}

TEST(UnixConnectorTest, DirectConnectionsKnowNoEndpoints) {
  ClientFixture fixture;
  const Recorder& got = fixture.fetch(getFrom({"/run/some.sock"}));
  EXPECT_EQ(got.failure, ClientFailure::kConnect);
}

TEST(UnixConnectorTest, AnAuthorityThatIsNoHostIsRefused) {
  UnixFixture fixture;
  for (const char* authority : {"a b", "a/b", "a\r\nx: y", "a,b", "user@host", "\x7f"}) {
    EXPECT_EQ(fixture.fetch(getFrom({"/nowhere"}, authority)).failure, ClientFailure::kRequest) << authority;
  }
}

FileDescriptor connectTo(const SocketPath& socket) {
  FileDescriptor connected(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket.path().copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_EQ(::connect(connected.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return connected;
}

struct AcceptingFixture : ClientFixture {
  explicit AcceptingFixture(const SocketPath& socket)
      : ClientFixture({}, [&](EventLoop& its_loop) { return acceptingConnector(its_loop, socket.listen()); }) {}
};

TEST(AcceptingConnectorTest, TakesTheConnectionsThatItsPeerBringsInTheOrderOfTheRequests) {
  const SocketPath socket;
  AcceptingFixture fixture(socket);
  Recorder& first = fixture.begin(getFrom({"gateway"}, "first.example"));
  Recorder& second = fixture.begin(getFrom({"gateway"}, "second.example"));
  fixture.runFor(milliseconds(20));
  EXPECT_FALSE(first.done());
  for (Recorder* recorder : {&first, &second}) {
    PeerConnection peer(connectTo(socket).release());
    ASSERT_TRUE(fixture.runUntil([&] {
      pollfd readable{peer.fd(), POLLIN, 0};
      return poll(&readable, 1, 0) == 1;
    }));
    const std::string wanted = recorder == &first ? "first" : "second";
    EXPECT_NE(peer.readUntil(kEndOfHead).find("host: " + wanted + ".example"), std::string::npos);
    peer.write(kHello);
    EXPECT_TRUE(fixture.runUntil([&] { return recorder->ended; }));
  }
}

TEST(AcceptingConnectorTest, WaitsNoLongerThanTheRequestAllowsAndKeepsWhatComesLate) {
  const SocketPath socket;
  AcceptingFixture fixture(socket);
  ClientRequest request = getFrom({"gateway"});
  request.connect_timeout = milliseconds(30);
  EXPECT_EQ(fixture.fetch(request).failure, ClientFailure::kTimeout);
  fixture.begin(request);
  fixture.runFor(milliseconds(5));
  fixture.exchanges.back().reset();  // nobody waits any more, and somebody is listening still
  PeerConnection late(connectTo(socket).release());
  fixture.runFor(milliseconds(20));
  const Recorder& next = fixture.begin(getFrom({"gateway"}));
  fixture.runFor(milliseconds(20));
  EXPECT_TRUE(late.readUntil(kEndOfHead).starts_with("GET / "));
  late.write(kHello);
  EXPECT_TRUE(fixture.runUntil([&] { return next.ended; }));
}

TEST(AcceptingConnectorTest, PassesOverWhatItsPeerHasGivenUp) {
  const SocketPath socket;
  AcceptingFixture fixture(socket);
  for (int i = 0; i < 3; ++i) connectTo(socket).reset();
  PeerConnection alive(connectTo(socket).release());
  const Recorder& got = fixture.begin(getFrom({"gateway"}));
  fixture.runFor(milliseconds(20));
  EXPECT_TRUE(alive.readUntil(kEndOfHead).starts_with("GET / "));
  alive.write(kHello);
  EXPECT_TRUE(fixture.runUntil([&] { return got.ended; }));
}

FileDescriptor freshSocket() {
  return FileDescriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

struct FactoryFixture : ClientFixture {
  explicit FactoryFixture(SocketFactory factory)
      : ClientFixture({}, [&](EventLoop& its_loop) { return socketConnector(its_loop, std::move(factory)); }) {}
};

TEST(SocketConnectorTest, ConnectsSocketsThatAnotherThreadMakes) {
  Peer peer([&](PeerConnection& connection, int) {
    while (connection.readUntil(kEndOfHead).ends_with(kEndOfHead) && connection.write(kHello)) {
    }
  });
  std::vector<std::thread> threads;
  std::vector<std::string> names;
  FactoryFixture fixture([&](const std::string& name, auto done) {
    names.push_back(name);
    threads.emplace_back([done = std::move(done)]() mutable { done(freshSocket()); });
  });
  const ClientRequest request = getFrom({"container 7", peer.port()});
  EXPECT_EQ(fixture.fetch(request).body, "hello");
  EXPECT_EQ(fixture.fetch(request).body, "hello");
  EXPECT_EQ(names, std::vector<std::string>{"container 7"});  // the second one found the connection of the first
  for (std::thread& thread : threads) thread.join();
}

// Of what was written there.
std::uint32_t unacknowledged(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  EXPECT_EQ(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
  return info.tcpi_unacked;
}

TEST(SocketConnectorTest, WhatArrivedIsAcknowledgedBeforeTheRestComes) {
  constexpr int kExchanges = 8;  // the kernel begins to wait after some
  std::atomic<int> heads_seen{0};
  std::atomic<std::uint32_t> kept_back{0};
  Peer peer([&](PeerConnection& connection, int) {
    for (int i = 1; i <= kExchanges; ++i) {
      if (!connection.readUntil(kEndOfHead).ends_with(kEndOfHead)) return;
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
      while (heads_seen < i) std::this_thread::yield();
      kept_back += unacknowledged(connection.fd());
      connection.write("hello");
    }
  });
  FactoryFixture fixture([](const std::string&, auto done) { done(freshSocket()); });
  for (int i = 1; i <= kExchanges; ++i) {
    const Recorder& got = fixture.begin(getFrom({"container 7", peer.port()}));
    EXPECT_TRUE(fixture.runUntil([&] { return got.head.has_value(); }));
    heads_seen = i;
    EXPECT_TRUE(fixture.runUntil([&] { return got.done(); }));
    EXPECT_EQ(got.body, "hello");
  }
  EXPECT_EQ(kept_back, 0u);
}

TEST(SocketConnectorTest, SaysWhyItCannotConnect) {
  FactoryFixture failing([](const std::string&, auto done) { done(fail(ErrorCode::kNotFound, "it has just ended")); });
  const Recorder& gone = failing.fetch(getFrom({"container 7", 80}));
  EXPECT_EQ(gone.failure, ClientFailure::kConnect);
  EXPECT_NE(gone.message.find("it has just ended"), std::string::npos);
  EXPECT_EQ(failing.fetch(getFrom({})).failure, ClientFailure::kConnect);

  FactoryFixture working([](const std::string&, auto done) { done(freshSocket()); });
  const Recorder& refused = working.fetch(getFrom({"container 7", 1}));
  EXPECT_EQ(refused.failure, ClientFailure::kConnect);
  EXPECT_EQ(refused.progress, RequestProgress::kNotTaken);
  EXPECT_NE(refused.message.find("container 7 port 1"), std::string::npos) << refused.message;
}

TEST(SocketConnectorTest, ASocketThatNeverComesOrComesTooLateIsNoHarm) {
  std::vector<UniqueFunction<void(Result<FileDescriptor>)>> kept;
  FactoryFixture fixture([&](const std::string&, auto done) { kept.push_back(std::move(done)); });
  ClientRequest request = getFrom({"container 7", 80});
  request.connect_timeout = milliseconds(20);
  EXPECT_EQ(fixture.fetch(request).failure, ClientFailure::kTimeout);
  fixture.begin(request);
  ASSERT_TRUE(fixture.runUntil([&] { return kept.size() == 2; }));
  fixture.exchanges.clear();
  for (auto& done : kept) done(freshSocket());
  fixture.runFor(milliseconds(5));
  EXPECT_EQ(fixture.client->counters().connections_open, 0U);
}

}  // namespace
}  // namespace wasabi::http
