// Requests through the gateway to fake superpods, all on one loop, for tests.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/slot_map.h"
#include "node/fake_box.h"
#include "node/proxied_request.h"
#include "node/run_until.h"
#include "node/test_reply.h"

namespace wasabi::node {

using namespace std::chrono_literals;

inline constexpr policy::VersionId kHello{0};

class ProxiedRequestTest : public ::testing::Test, public http::RequestHandler, public ProxiedRequestOwner {
 protected:
  ProxiedRequestTest()
      : folder_(testing::TempDir() + "gateway_XXXXXX"),
        desk_({}, {[this](DispatchCall call) { deliver(std::move(call)); }, [](policy::VersionId) {}}),
        superpods_(loop_, {}, http::unixConnector(loop_)),
        client_(loop_, {}, http::unixConnector(loop_)) {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    desk_.setTenant({0}, {});
    desk_.setFunction({0}, {{0}, 100});
    desk_.setVersion(kHello, {{0}, ByteSize{1 << 20}});
    front_.emplace(loop_, http::ServerLimits{}, *this);
    auto listener = http::openListener({"unix:" + folder_ + "/front", false});
    EXPECT_TRUE(listener);
    front_->listen(std::move(*listener));
  }
  ~ProxiedRequestTest() override {
    front_.reset();
    requests_ = {};
    ::system(("rm -r " + folder_).c_str());
  }

  FakeBox& box(std::uint32_t number, Target::Kind kind = Target::Kind::kSuperpod) {
    const std::string path = folder_ + "/box" + std::to_string(number);
    boxes_.push_back(std::make_unique<FakeBox>(loop_, path));
    auto target = std::make_shared<Target>();
    target->id = {number};
    target->kind = kind;
    target->name = "superpod-" + std::to_string(number);
    target->endpoint.name = path;
    desk_.addTarget(std::move(target), {});
    desk_.serves({number}, kHello, Clock::now());
    return *boxes_.back();
  }

  std::unique_ptr<Reply> start(const std::string& method, std::optional<std::size_t> body_size = {}) {
    auto got = std::make_unique<Reply>();
    http::ClientRequest request;
    request.method = method;
    request.authority = "example.com";
    request.target = "/acme/hello?a=b";
    request.endpoint.name = folder_ + "/front";
    request.headers.add("wasabi-route", "somebody/elses@1;prefix=1");
    if (body_size) request.headers.add("content-length", std::to_string(*body_size));
    request.has_body = body_size.has_value();
    got->exchange = client_.start(request, *got);
    if (body_size) {
      got->exchange->send(bytes(std::string(*body_size, 'x')));
      got->exchange->finishBody();
    }
    return got;
  }
  bool runUntil(const std::function<bool()>& condition) {
    return node::runUntil(loop_, condition, [this] {
      if (desk_.anyWaits()) desk_.callNext(Clock::now());
    });
  }
  void finish(Reply& got) {
    ASSERT_TRUE(runUntil([&] { return got.done; }));
  }
  bool allSettled() {
    return runUntil([&] { return requests_.size() == 0; });
  }

  std::string folder_;
  http::EventLoop loop_;
  DispatchDesk desk_;
  http::Client superpods_;
  http::Client client_;
  std::vector<std::unique_ptr<FakeBox>> boxes_;
  struct Settled {
    std::string outcome, target;
    Reason reason, waited_for;
    std::uint16_t status;
    std::uint32_t runs;
    std::uint64_t bytes_in, bytes_out;
  };
  std::vector<Settled> settled_;
  Duration patience_ = 10s;
  ReplayBudget replays_{8};

  std::unique_ptr<Reply> startUpgrade() {
    auto got = std::make_unique<Reply>();
    http::ClientRequest request;
    request.method = "GET";
    request.authority = "example.com";
    request.target = "/acme/hello";
    request.endpoint.name = folder_ + "/front";
    request.upgrade = "websocket";
    got->exchange = client_.start(request, *got);
    return got;
  }

 private:
  bool takesUpgrades() const override { return true; }
  void onRequest(http::ServerStream& stream) override {
    ProxiedRequest::Terms terms;
    terms.token = requests_.nextToken();
    terms.version = kHello;
    terms.route = "acme/hello@3;prefix=11";
    terms.request_id = "cafe";
    terms.arrived = loop_.now();
    terms.deadline = terms.arrived + patience_;
    auto request = std::make_unique<ProxiedRequest>(
        stream, std::move(terms), ProxyServices{loop_, superpods_, superpods_, desk_, replays_, 0}, *this);
    ProxiedRequest& inside = *request;
    requests_.insert(std::move(request));
    inside.begin();
  }
  void settled(std::uint64_t token, const ProxiedRecord& record) override {
    settled_.push_back({std::string(record.outcome), std::string(record.target), record.reason, record.waited_for,
                        record.status, record.runs, record.bytes_in, record.bytes_out});
    loop_.defer([gone = std::shared_ptr<ProxiedRequest>(requests_.remove(token))] {});
  }
  void deliver(DispatchCall call) {
    loop_.post([this, call = std::move(call)] {
      if (ProxiedRequest* request = requests_.find(call.token)) request->called(call);
    });
  }

  SlotMap<ProxiedRequest> requests_;
  std::optional<http::Server> front_;
};

}  // namespace wasabi::node
