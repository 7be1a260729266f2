#include "node/egress.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/fake_box.h"
#include "node/run_until.h"
#include "node/test_reply.h"
#include "platform/test_support.h"

namespace wasabi::node {
namespace {

using namespace std::chrono_literals;
using http::ClientFailure;

constexpr policy::TargetId kSuperpod{5};

// A box is what calls by the connections that the gateway brings; peers are servers on loopback. All on one loop.
class EgressTest : public ::testing::Test, public FunctionCalls {
 public:
  EgressTest(const EgressTest&) = delete;
  EgressTest& operator=(const EgressTest&) = delete;

 protected:
  EgressTest() : folder_(testing::TempDir() + "egress_XXXXXX") {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    begin(http::anyAddress());
    auto listener = http::openListener({"unix:" + folder_ + "/egress", false});
    EXPECT_TRUE(listener);
    box_.emplace(loop_, http::ClientLimits{}, http::acceptingConnector(loop_, std::move(*listener)));
    peer_.on_whole = [](FakeBox::Seen& seen) {
      answer(*seen.stream, 201, "peer got " + seen.body, {{"x-peer", "yes"}, {"wasabi-egress-failure", "denied"}});
    };
  }
  ~EgressTest() override {
    box_.reset();
    egress_.reset();
    while (loop_.runReady() > 0) continue;
    ::system(("rm -r " + folder_).c_str());
  }

  void begin(http::AddressPolicy allowed) {
    const http::ClientTls no_certificates{.trust_system = false, .ca_file = {}};
    outbound_ = {http::openDirectServices(no_certificates, http::ResolverLimits{}).value(), std::move(allowed), {}};
    egress_.emplace(loop_, outbound_, *this);
    egress_->door(kSuperpod).connectTo(folder_ + "/egress", 1);
  }

  platform::VersionPtr admit(const std::string& function, const std::string& outbound) {
    auto version = platform::versionMadeUp({"acme", function}, 3, "outbound = ['" + outbound + "']\n");
    egress_->door(kSuperpod).admit(version);
    return version;
  }

  struct Call {
    std::string authority;
    std::string caller = "caller@3";
    std::string body = {};
    std::uint32_t hops = 0;
    bool tls = false;
  };
  Reply& begin(const Call& call) {
    http::ClientRequest request;
    request.method = call.body.empty() ? "GET" : "POST";
    request.authority = call.authority;
    request.target = "/path?query";
    request.endpoint = {.name = "gateway"};
    request.version = http::Version::kHttp2;
    request.headers.add("x-mine", "1");
    http::setEgressCall({{"acme", call.caller}, call.tls, 5s, 5s, 5s, call.hops, std::string(32, 'a')},
                        request.headers);
    request.has_body = !call.body.empty();
    replies_.push_back(std::make_unique<Reply>());
    Reply& reply = *replies_.back();
    reply.exchange = box_->start(request, reply);
    if (request.has_body) {
      reply.exchange->send(bytes(call.body));
      reply.exchange->finishBody();
    }
    return reply;
  }
  const Reply& make(const Call& call) {
    const Reply& reply = begin(call);
    EXPECT_TRUE(runUntil([&] { return reply.done; }));
    return reply;
  }
  std::optional<ClientFailure> failureOf(const Call& call) { return http::egressFailureOf(make(call).head.headers); }

  bool runUntil(const std::function<bool()>& condition) { return node::runUntil(loop_, condition); }

  void callFunction(http::ServerStream& stream, const platform::Version& caller,
                    const http::EgressCall& call) override {
    function_calls_.push_back(stream.request().authority + " by " + caller.name().toString() + " after " +
                              std::to_string(call.hops));
    answer(stream, 200, "a function");
  }

  std::string folder_;
  http::EventLoop loop_;
  OutboundServices outbound_;
  std::optional<Egress> egress_;
  std::optional<http::Client> box_;
  FakeBox peer_{loop_, "127.0.0.1:0"};
  std::vector<std::unique_ptr<Reply>> replies_;
  std::vector<std::string> function_calls_;
};

TEST_F(EgressTest, CarriesACallToAPeerAndItsAnswerBack) {
  admit("caller", peer_.address);
  const std::string body(300'000, 'x');
  const Reply& reply = make({.authority = peer_.address, .body = body});
  EXPECT_EQ(reply.head.status, 201);
  EXPECT_EQ(reply.body, "peer got " + body);
  EXPECT_EQ(reply.head.headers.find("x-peer"), "yes");
  EXPECT_EQ(http::egressFailureOf(reply.head.headers), std::nullopt) << "peers must not speak for the gateway";
}

TEST_F(EgressTest, ThePeerSeesTheGuestsFieldsAndNoneOfOurs) {
  admit("caller", peer_.address);
  std::vector<std::string> names;
  std::string target;
  peer_.on_whole = [&](FakeBox::Seen& seen) {
    target = seen.stream->request().target;
    for (const http::Fields::Field field : seen.stream->request().headers) names.emplace_back(field.name);
    answer(*seen.stream, 200, "");
  };
  EXPECT_EQ(make({.authority = peer_.address}).head.status, 200);
  EXPECT_EQ(target, "/path?query");
  for (const std::string& name : names) EXPECT_FALSE(name.starts_with("wasabi-")) << name;
  EXPECT_EQ(std::count(names.begin(), names.end(), "x-mine"), 1);
  EXPECT_EQ(std::count(names.begin(), names.end(), "via"), 0) << "to the peer it is the function that calls";
}

TEST_F(EgressTest, OnlyVersionsThatTheSuperpodHostsCallAndOnlyWhomTheyMay) {
  const auto version = admit("caller", peer_.address);
  EXPECT_EQ(failureOf({.authority = peer_.address}), std::nullopt);
  EXPECT_EQ(failureOf({.authority = "127.0.0.1:1"}), ClientFailure::kDenied);
  EXPECT_EQ(failureOf({.authority = peer_.address, .caller = "other@3"}), ClientFailure::kDenied);
  EXPECT_EQ(failureOf({.authority = peer_.address, .caller = "caller@4"}), ClientFailure::kDenied);
  egress_->door(kSuperpod).dismiss({version->name(), 3});
  EXPECT_EQ(failureOf({.authority = peer_.address}), ClientFailure::kDenied);
}

TEST_F(EgressTest, WithoutWordsOfItsBoxACallIsNone) {
  http::ClientRequest request;
  request.method = "GET";
  request.authority = peer_.address;
  request.target = "/";
  request.endpoint = {.name = "gateway"};
  request.version = http::Version::kHttp2;
  Reply reply;
  reply.exchange = box_->start(request, reply);
  ASSERT_TRUE(runUntil([&] { return reply.done; }));
  EXPECT_EQ(http::egressFailureOf(reply.head.headers), ClientFailure::kDenied);
  EXPECT_TRUE(peer_.seen.empty());
}

TEST_F(EgressTest, AddressesAreJudgedOnceMore) {
  egress_.reset();
  begin(http::publicAddresses());
  admit("caller", "localhost:80");
  EXPECT_EQ(failureOf({.authority = "localhost:80"}), ClientFailure::kDenied);
}

TEST_F(EgressTest, SaysWhatFailed) {
  admit("caller", "127.0.0.1:1");
  EXPECT_EQ(failureOf({.authority = "127.0.0.1:1"}), ClientFailure::kConnect);
  admit("secure", peer_.address);
  EXPECT_EQ(failureOf({.authority = peer_.address, .caller = "secure@3", .tls = true}), ClientFailure::kTls);
  const OutboundCounters counters = egress_->takeCounters();
  const auto& acme = counters.byTenant().at("acme");
  EXPECT_EQ(acme.calls, 2U);
  EXPECT_EQ(acme.failures.at(ClientFailure::kConnect), 1U);
}

TEST_F(EgressTest, AnAnswerThatIsCutShortIsCutForTheGuestToo) {
  admit("caller", peer_.address);
  peer_.on_whole = [](FakeBox::Seen& seen) {
    http::ResponseHead head;
    head.status = 200;
    seen.stream->sendHead(head, 100);
    seen.stream->send(bytes("half"));
    seen.stream->abort();
  };
  EXPECT_NE(make({.authority = peer_.address}).failure, "");
}

TEST_F(EgressTest, ACallThatItsCallerGivesUpEndsAtThePeer) {
  admit("caller", peer_.address);
  peer_.on_whole = [](FakeBox::Seen&) {};
  Reply& reply = begin({.authority = peer_.address});
  ASSERT_TRUE(runUntil([&] { return !peer_.seen.empty(); }));
  reply.exchange.reset();
  EXPECT_TRUE(runUntil([&] { return peer_.seen.front()->closed.has_value(); }));
}

TEST_F(EgressTest, FunctionsAreCalledByTheirNames) {
  admit("caller", "*.acme.internal");
  EXPECT_EQ(make({.authority = "Hello.acme.internal", .hops = 2}).body, "a function");
  EXPECT_EQ(function_calls_, std::vector<std::string>{"Hello.acme.internal by acme/caller after 2"});
  EXPECT_EQ(failureOf({.authority = "hello.other.internal"}), ClientFailure::kDenied);
  EXPECT_EQ(failureOf({.authority = "hello.acme.internal", .tls = true}), ClientFailure::kConnect);
}

TEST_F(EgressTest, ConnectionsThatEndAreMadeAgain) {
  admit("caller", peer_.address);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(make({.authority = peer_.address}).head.status, 201);
    egress_->close(kSuperpod);
    egress_->door(kSuperpod).connectTo(folder_ + "/egress", 1);
    admit("caller", peer_.address);
  }
  // A box that starts again at the same place is found.
  replies_.clear();  // they keep the connections of the first one
  box_.reset();
  ::unlink((folder_ + "/egress").c_str());
  auto listener = http::openListener({"unix:" + folder_ + "/egress", false});
  ASSERT_TRUE(listener);
  box_.emplace(loop_, http::ClientLimits{}, http::acceptingConnector(loop_, std::move(*listener)));
  EXPECT_EQ(make({.authority = peer_.address}).head.status, 201);
}

// A container calls by a proxy in its network; here that is a unix socket.
class ContainerEgressTest : public EgressTest {
 protected:
  ContainerEgressTest() : container_(loop_, http::ClientLimits{}, http::unixConnector(loop_)) {
    serve("outbound = ['" + peer_.address + "', '*.acme.internal', '127.0.0.1:1']\n");
  }
  ~ContainerEgressTest() override { replies_.clear(); }

  void serve(const std::string& manifest) {
    auto listener = http::openListener({"unix:" + proxy(), false});
    ASSERT_TRUE(listener);
    egress_->serveContainer({9}, std::move(*listener), platform::versionMadeUp({"acme", "shop"}, 1, manifest));
  }
  std::string proxy() const { return folder_ + "/proxy"; }

  const Reply& call(const std::string& authority, const std::string& body = {}) {
    http::ClientRequest request;
    request.method = body.empty() ? "GET" : "POST";
    request.authority = authority;
    request.target = "/path";
    request.endpoint.name = proxy();
    request.has_body = !body.empty();
    replies_.push_back(std::make_unique<Reply>());
    Reply& reply = *replies_.back();
    reply.exchange = container_.start(request, reply);
    if (request.has_body) {
      reply.exchange->send(bytes(body));
      reply.exchange->finishBody();
    }
    EXPECT_TRUE(runUntil([&] { return reply.done; }));
    return reply;
  }

  // By CONNECT, as a client that then speaks for itself. The answer's head, and what comes after it.
  struct Tunnelled {
    FileDescriptor socket;
    std::string got;
  };
  Tunnelled tunnel(const std::string& to) {
    Tunnelled opened{FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), {}};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    proxy().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(opened.socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    say(opened, "CONNECT " + to + " HTTP/1.1\r\nHost: " + to + "\r\n\r\n");
    EXPECT_TRUE(hears(opened, "\r\n\r\n"));
    return opened;
  }
  static void say(const Tunnelled& on, const std::string& text) {
    EXPECT_EQ(::send(on.socket.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  bool hears(Tunnelled& on, const std::string& text) {
    return runUntil([&] {
      char buffer[4096];
      const ssize_t size = ::recv(on.socket.get(), buffer, sizeof buffer, 0);
      if (size > 0) on.got.append(buffer, static_cast<std::size_t>(size));
      return on.got.find(text) != std::string::npos;
    });
  }
  bool ends(Tunnelled& on) {
    return runUntil([&] {
      char byte = 0;
      const ssize_t size = ::recv(on.socket.get(), &byte, 1, 0);
      return size == 0 || (size < 0 && errno == ECONNRESET);
    });
  }

  http::Client container_;
};

TEST_F(ContainerEgressTest, CallsAreCarriedAndJudgedAsThoseOfSuperpods) {
  EXPECT_EQ(call(peer_.address, "body").body, "peer got body");
  EXPECT_EQ(call("hello.acme.internal").body, "a function");
  EXPECT_EQ(function_calls_, std::vector<std::string>{"hello.acme.internal by acme/shop after 0"});
}

TEST_F(ContainerEgressTest, ProgramsAreToldWhyInTheirOwnWords) {
  const Reply& denied = call("example.com");
  EXPECT_EQ(denied.head.status, 403);
  EXPECT_EQ(denied.head.headers.find("proxy-status"), "wasabi; error=http_request_denied; details=\"outbound.denied\"");
  EXPECT_NE(denied.body.find("'outbound' of the function's manifest"), std::string::npos);
  EXPECT_EQ(call("127.0.0.1:1").head.status, 502);
}

TEST_F(ContainerEgressTest, TunnelsCarryBytesBothWaysUntilBothHaveEnded) {
  peer_.on_whole = [](FakeBox::Seen& seen) { answer(*seen.stream, 200, "through the tunnel"); };
  Tunnelled opened = tunnel(peer_.address);
  EXPECT_TRUE(opened.got.starts_with("HTTP/1.1 200 "));
  say(opened, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(hears(opened, "through the tunnel"));
  ::shutdown(opened.socket.get(), SHUT_WR);
  EXPECT_TRUE(ends(opened));
  const auto counters = egress_->takeCounters();
  EXPECT_EQ(counters.byTenant().at("acme").calls, 1U);
  EXPECT_GT(counters.byTenant().at("acme").bytes_received, 18U);
}

TEST_F(ContainerEgressTest, MuchGoesThroughATunnelAndRestsWhileNobodyReads) {
  const std::string body(8 << 20, 'y');
  peer_.on_whole = [&](FakeBox::Seen& seen) { answer(*seen.stream, 200, body); };
  Tunnelled opened = tunnel(peer_.address);
  say(opened, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(runUntil([&] { return !peer_.seen.empty(); }));
  for (int i = 0; i < 200; ++i) loop_.runReady();
  EXPECT_GT(peer_.seen[0]->stream ? peer_.seen[0]->stream->unsentBytes() : 0, body.size() / 4) << "all went somewhere";
  std::size_t got = 0;
  EXPECT_TRUE(runUntil([&] {
    char buffer[65536];
    const ssize_t size = ::recv(opened.socket.get(), buffer, sizeof buffer, 0);
    if (size > 0) got += static_cast<std::size_t>(size);
    return got >= body.size();
  }));
}

TEST_F(ContainerEgressTest, TunnelsLeadOnlyWhereCallsMayGo) {
  EXPECT_TRUE(tunnel("example.com:443").got.starts_with("HTTP/1.1 403 "));
  EXPECT_TRUE(tunnel("127.0.0.1:1").got.starts_with("HTTP/1.1 502 "));
  EXPECT_TRUE(tunnel("hello.acme.internal:80").got.starts_with("HTTP/1.1 502 "));
  EXPECT_TRUE(function_calls_.empty());
}

TEST_F(ContainerEgressTest, APeerThatBreaksATunnelBreaksItForTheContainer) {
  peer_.on_whole = [](FakeBox::Seen& seen) { seen.stream->abort(); };
  Tunnelled opened = tunnel(peer_.address);
  say(opened, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(ends(opened));
}

TEST_F(ContainerEgressTest, WhatIsOpenGoesWithItsContainer) {
  peer_.on_whole = [](FakeBox::Seen&) {};
  Tunnelled opened = tunnel(peer_.address);
  say(opened, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(runUntil([&] { return !peer_.seen.empty(); }));
  egress_->close({9});
  EXPECT_TRUE(ends(opened));
  EXPECT_TRUE(runUntil([&] { return peer_.seen[0]->closed.has_value(); }));
}

}  // namespace
}  // namespace wasabi::node
