#include "queueproxy/app_prober.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/text.h"
#include "http/server.h"

namespace wasabi::queueproxy {
namespace {

using namespace std::string_literals;
using std::chrono::milliseconds;

// An app on the loop of the test: notes what it is asked, and answers as the test says.
class AppProberTest : public ::testing::Test, public http::RequestHandler {
 public:
  AppProberTest(const AppProberTest&) = delete;
  AppProberTest& operator=(const AppProberTest&) = delete;

 protected:
  AppProberTest() : server_(std::in_place, loop_, http::ServerLimits{}, *this) {
    auto listener = http::openListener({"127.0.0.1:0", false});
    EXPECT_TRUE(listener);
    port_ = parseDecimal<std::uint16_t>(splitAuthority(http::listenerAddress(*listener)).port).value();
    server_->listen(std::move(*listener));
    probe_.port = port_;
    probe_.period = std::chrono::seconds(1);
  }
  ~AppProberTest() override { server_.reset(); }

  class Request final : public http::StreamObserver {
   public:
    Request(AppProberTest& test, http::ServerStream& its_stream) : stream(its_stream), test_(test) {}
    void onBody(std::span<const std::byte> chunk) override { body += textOf(chunk); }
    void onBodyEnd(const http::Fields&) override { test_.answer(*this); }
    void onWritable() override {}
    void onClosed(http::CloseReason) override {}
    http::ServerStream& stream;
    std::string body;

   private:
    AppProberTest& test_;
  };

  void onRequest(http::ServerStream& stream) override {
    requests_.push_back(std::make_unique<Request>(*this, stream));
    stream.attach(*requests_.back());
    if (stream.requestComplete()) return answer(*requests_.back());
    stream.resumeReading();
  }
  void answer(Request& request) {
    const http::RequestHead& head = request.stream.request();
    seen_ = head.method + " " + head.target + " " + head.authority;
    agent_ = head.headers.find("user-agent").value_or("");
    body_ = request.body;
    http::ResponseHead answer;
    answer.status = status;
    request.stream.sendHead(answer, std::nullopt);
    request.stream.send(bytesOf(reply));
    http::Fields trailers;
    if (!grpc_status.empty()) trailers.add("grpc-status", grpc_status);
    request.stream.finish(trailers);
  }

  bool isReady(std::vector<ReadinessProbe> probes) {
    AppProber prober(loop_, std::move(probes));
    std::optional<bool> told;
    prober.ask([&](bool ready) { told = ready; });
    EXPECT_TRUE(runUntil([&] { return told.has_value(); }));
    return told.value_or(false);
  }
  bool isReady() { return isReady({probe_}); }

  bool runUntil(const std::function<bool()>& condition) {
    const TimePoint give_up = Clock::now() + std::chrono::seconds(60);
    while (!condition() && Clock::now() < give_up) {
      if (loop_.runReady() == 0) std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    return condition();
  }

  http::EventLoop loop_;
  std::optional<http::Server> server_;
  std::vector<std::unique_ptr<Request>> requests_;
  std::uint16_t port_ = 0;
  ReadinessProbe probe_;
  std::uint16_t status = 200;
  std::string reply;
  std::string grpc_status;
  std::string seen_;
  std::string agent_;
  std::string body_;
};

TEST_F(AppProberTest, WithoutAProbeTheAppIsReady) {
  EXPECT_TRUE(isReady({}));
}

TEST_F(AppProberTest, HttpIsReadyBy200To399) {
  probe_.kind = ReadinessProbe::Kind::kHttpGet;
  probe_.path = "/healthz?x";
  for (const auto& [code, ready] : std::map<int, bool>{{200, true},
                                                       {204, true},
                                                       {302, true},
                                                       {399, true},
                                                       {400, false},
                                                       {404, false},
                                                       {500, false},
                                                       {503, false}}) {
    status = static_cast<std::uint16_t>(code);
    EXPECT_EQ(isReady(), ready) << code;
  }
  EXPECT_EQ(seen_, "GET /healthz?x 127.0.0.1:" + std::to_string(port_));
  EXPECT_TRUE(agent_.starts_with("kube-probe/")) << agent_;
  probe_.headers = {{"Host", "shop.example.com"}, {"User-Agent", "mine"}};
  EXPECT_FALSE(isReady());
  EXPECT_EQ(seen_, "GET /healthz?x shop.example.com");
  EXPECT_EQ(agent_, "mine");
}

TEST_F(AppProberTest, TcpIsReadyByAConnection) {
  probe_.kind = ReadinessProbe::Kind::kTcp;
  EXPECT_TRUE(isReady());
  server_.reset();
  EXPECT_FALSE(isReady());
}

TEST_F(AppProberTest, GrpcIsReadyByServing) {
  probe_.kind = ReadinessProbe::Kind::kGrpc;
  grpc_status = "0";
  reply = "\0\0\0\0\x02\x08\x01"s;
  EXPECT_TRUE(isReady());
  EXPECT_EQ(seen_, "POST /grpc.health.v1.Health/Check 127.0.0.1:" + std::to_string(port_));
  EXPECT_EQ(body_, "\0\0\0\0\0"s);
  reply = "\0\0\0\0\x02\x08\x02"s;  // NOT_SERVING
  EXPECT_FALSE(isReady());
  reply = "\0\0\0\0\x02\x08\x01"s;
  grpc_status = "12";
  EXPECT_FALSE(isReady());
  grpc_status = "0";
  probe_.grpc_service = "shop";
  EXPECT_TRUE(isReady());
  EXPECT_EQ(body_, "\0\0\0\0\x06\x0a\x04shop"s);
}

TEST_F(AppProberTest, AnAppThatIsAwaitedIsAskedUntilItIsReadyAsOftenAsWanted) {
  probe_.kind = ReadinessProbe::Kind::kHttpGet;
  probe_.period = Duration::zero();
  probe_.success_threshold = 2;
  status = 500;
  AppProber prober(loop_, {probe_});
  int told = 0;
  for (int i = 0; i < 10; ++i) prober.ask([&](bool ready) { told += ready ? 1 : 0; });
  ASSERT_TRUE(runUntil([&] { return requests_.size() == 2; }));
  EXPECT_EQ(told, 0);
  status = 200;
  ASSERT_TRUE(runUntil([&] { return told == 10; }));
  EXPECT_EQ(requests_.size(), 4U);
}

TEST_F(AppProberTest, AnAppThatDoesNotAnswerIsNotReady) {
  probe_.kind = ReadinessProbe::Kind::kHttpGet;
  probe_.timeout = milliseconds(10);
  class Silent final : public http::RequestHandler {
    void onRequest(http::ServerStream& stream) override { stream.attach(ear_); }
    struct Ear final : http::StreamObserver {
      void onBody(std::span<const std::byte>) override {}
      void onBodyEnd(const http::Fields&) override {}
      void onWritable() override {}
      void onClosed(http::CloseReason) override {}
    } ear_;
  } silent;
  http::Server server(loop_, http::ServerLimits{}, silent);
  auto listener = http::openListener({"127.0.0.1:0", false});
  ASSERT_TRUE(listener);
  probe_.port = parseDecimal<std::uint16_t>(splitAuthority(http::listenerAddress(*listener)).port).value();
  server.listen(std::move(*listener));
  EXPECT_FALSE(isReady());
}

TEST_F(AppProberTest, WhoIsGoneIsNotTold) {
  bool told = false;
  {
    AppProber prober(loop_, {probe_});
    prober.ask([&](bool) { told = true; });
  }
  while (loop_.runReady() > 0) continue;
  EXPECT_FALSE(told);
}

}  // namespace
}  // namespace wasabi::queueproxy
