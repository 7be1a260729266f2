#include "http/relay.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "http/server_test_support.h"

namespace wasabi::http {
namespace {

using std::chrono::milliseconds;

// A front server that relays each request to the app, a TestServer, all on one loop.
class RelayTest : public ::testing::Test, public RequestHandler {
 protected:
  explicit RelayTest(TestServer::Script script = {}) : app_({}, std::move(script)) { app_.takes_upgrades = true; }

  struct Carried final : RelayOwner {
    Carried(ServerStream& its_stream, RelayTest& its_test)
        : stream(its_stream), test(its_test), relay(std::make_unique<Relay>(its_stream, *this)) {}
    void answerBegins(const ResponseHead& received, Fields& fields) override {
      for (const Fields::Field field : received.headers) fields.add(field.name, field.value);
      fields.add("x-relayed", "yes");
    }
    void answerPart(std::size_t bytes) override { parts += bytes; }
    void peerFailed(ClientFailure its_failure, RequestProgress, const std::string& message) override {
      failure = its_failure;
      if (!relay->answering()) respond(stream, 502, message);
    }
    void closed(CloseReason reason) override { close_reason = reason; }

    ServerStream& stream;
    RelayTest& test;
    std::unique_ptr<Relay> relay;
    std::size_t parts = 0;
    std::optional<ClientFailure> failure;
    std::optional<CloseReason> close_reason;
  };

  void begin(std::uint16_t app_port = 0) {
    auto listener = openListener({"127.0.0.1:0", false});
    ASSERT_TRUE(listener);
    address_ = listenerAddress(*listener);
    port_ = app_port != 0 ? app_port : portOf(app_.address);
    const auto factory = [](const std::string&, UniqueFunction<void(Result<FileDescriptor>)> done) {
      done(FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
    };
    client_ = std::make_unique<Client>(app_.loop, ClientLimits{}, socketConnector(app_.loop, factory));
    front_ = std::make_unique<Server>(app_.loop, ServerLimits{}, *this);
    front_->listen(std::move(*listener));
  }

  static std::uint16_t portOf(const std::string& address) {
    return parseDecimal<std::uint16_t>(splitAuthority(address).port).value();
  }

  void onRequest(ServerStream& stream) override {
    carried_.push_back(std::make_unique<Carried>(stream, *this));
    const RequestHead& head = stream.request();
    ClientRequest request;
    request.method = head.method;
    request.target = head.target;
    request.authority = head.authority;
    request.headers = head.headers;
    request.upgrade = head.upgrade;
    request.endpoint = {"app", port_};
    request.continue_timeout = std::chrono::hours(1);
    carried_.back()->relay->start(*client_, request);
  }
  bool takesUpgrades() const override { return true; }

  TestServer app_;
  std::string address_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Client> client_;
  std::vector<std::unique_ptr<Carried>> carried_;
  std::unique_ptr<Server> front_;
};

TEST_F(RelayTest, CarriesBodiesBothWays) {
  begin();
  RawClient browser(app_, address_, 0);
  ASSERT_TRUE(browser.send("POST /a?b HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\nhello"));
  ASSERT_TRUE(browser.receiveUntil("POST /a?b shop|hello\n"));
  EXPECT_NE(browser.received.find("x-relayed: yes\r\n"), std::string::npos);
  EXPECT_EQ(carried_.front()->relay->bytesSent(), 5U);
  EXPECT_EQ(carried_.front()->relay->bytesReceived(), carried_.front()->parts);
  ASSERT_TRUE(app_.runUntil([&] { return carried_.front()->close_reason.has_value(); }));
  EXPECT_EQ(carried_.front()->close_reason, CloseReason::kFinished);
}

TEST_F(RelayTest, WhoWaitsForA100GetsThatOfThePeer) {
  begin();
  RawClient browser(app_, address_, 0);
  ASSERT_TRUE(browser.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
  ASSERT_TRUE(browser.receiveUntil("HTTP/1.1 100 Continue\r\n\r\n"));
  ASSERT_TRUE(browser.send("ok"));
  ASSERT_TRUE(browser.receiveUntil("POST / shop|ok\n"));
}

TEST_F(RelayTest, ThePeerNobodyIsAtIsTheOwnersToAnswerFor) {
  begin(1);
  RawClient browser(app_, address_, 0);
  ASSERT_TRUE(browser.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n"));
  ASSERT_TRUE(browser.receiveUntil("Connection refused"));
  EXPECT_EQ(carried_.front()->failure, ClientFailure::kConnect);
  EXPECT_FALSE(carried_.front()->relay->answering());
}

TEST_F(RelayTest, ACancelledRequestLeavesThePeer) {
  begin();
  RawClient browser(app_, address_, 0);
  ASSERT_TRUE(browser.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 9\r\n\r\nbegun"));
  ASSERT_TRUE(app_.runUntil([&] { return !app_.requests.empty() && app_.requests.front().body == "begun"; }));
  browser.reset();
  ASSERT_TRUE(app_.runUntil([&] { return app_.requests.front().closed.has_value(); }));
  EXPECT_EQ(carried_.front()->close_reason, CloseReason::kPeerGone);
}

class RelayOfScriptTest : public RelayTest {
 protected:
  RelayOfScriptTest() : RelayTest([this](RecordedRequest& request) { script(request); }) {}

  void script(RecordedRequest& request) {
    if (!request.stream.request().upgrade.empty()) {
      request.stream.acceptUpgrade("websocket", {});
      request.stream.resumeReading();
      request.on_body = [&request] { request.stream.send(bytesOf("echo")); };
      request.on_end = [&request] { request.stream.finish({}); };
      return;
    }
    request.stream.sendHead({200, {}}, std::nullopt);
    request.stream.send(bytesOf("part"));
  }
};

TEST_F(RelayOfScriptTest, ABrokenAnswerIsCut) {
  begin();
  RawClient browser(app_, address_, 0);
  ASSERT_TRUE(browser.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n"));
  ASSERT_TRUE(browser.receiveUntil("part\r\n"));
  app_.requests.front().stream.abort();
  ASSERT_TRUE(browser.receiveAll());
  EXPECT_FALSE(browser.received.ends_with("0\r\n\r\n"));
  EXPECT_EQ(carried_.front()->failure, ClientFailure::kDisconnected);
  EXPECT_TRUE(carried_.front()->relay->answering());
}

TEST_F(RelayOfScriptTest, AnOwnerCutsAnAnswer) {
  begin();
  RawClient browser(app_, address_, 0);
  ASSERT_TRUE(browser.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n"));
  ASSERT_TRUE(browser.receiveUntil("part\r\n"));
  carried_.front()->relay->cut();
  ASSERT_TRUE(browser.receiveAll());
  EXPECT_FALSE(browser.received.ends_with("0\r\n\r\n"));
  ASSERT_TRUE(app_.runUntil([&] { return app_.requests.front().closed.has_value(); }));
}

TEST_F(RelayOfScriptTest, AnAcceptedUpgradeIsATunnel) {
  begin();
  RawClient browser(app_, address_, 0);
  ASSERT_TRUE(browser.send("GET / HTTP/1.1\r\nHost: shop\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"));
  ASSERT_TRUE(browser.receiveUntil("\r\n\r\n"));
  EXPECT_TRUE(browser.received.starts_with("HTTP/1.1 101 "));
  EXPECT_TRUE(carried_.front()->relay->isTunnel());
  ASSERT_TRUE(browser.send("ping"));
  ASSERT_TRUE(browser.receiveUntil("echo"));
  browser.closeOutput();
  ASSERT_TRUE(browser.receiveAll());
  ASSERT_TRUE(app_.runUntil([&] { return carried_.front()->close_reason.has_value(); }));
  EXPECT_EQ(carried_.front()->close_reason, CloseReason::kFinished);
}

}  // namespace
}  // namespace wasabi::http
