#include "node/proxied_request.h"

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

namespace wasabi::node {
namespace {

using namespace std::chrono_literals;

constexpr policy::VersionId kHello{0};

struct Got : http::ClientObserver {
  void onHead(const http::ResponseHead& response) override { head = response; }
  void onBody(std::span<const std::byte> chunk) override {
    body.append(reinterpret_cast<const char*>(chunk.data()), chunk.size());
  }
  void onWritable() override {}
  void onEnd(const http::Fields&) override { done = true; }
  void onUpgrade(const http::ResponseHead& response) override { head = response; }
  void onFailure(http::ClientFailure, http::RequestProgress, const std::string& message) override {
    failure = message;
    done = true;
  }
  http::ResponseHead head;
  std::string body;
  std::string failure;
  bool done = false;
  std::unique_ptr<http::ClientExchange> exchange;
};

class ProxiedRequestTest : public ::testing::Test, public http::RequestHandler, public ProxiedRequestOwner {
 protected:
  ProxiedRequestTest()
      : folder_(testing::TempDir() + "gateway_XXXXXX"),
        desk_({}, {[this](DispatchCall call) { deliver(std::move(call)); }, [](policy::VersionId) {}}),
        superpods_(loop_, {}, http::unixConnector(loop_)),
        client_(loop_, {}, http::unixConnector(loop_)) {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    desk_.setTenant({0}, 1, std::nullopt);
    desk_.setFunction({0}, {{0}, 100});
    desk_.setVersion(kHello, {0}, ByteSize{1 << 20});
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

  std::unique_ptr<Got> start(const std::string& method, std::optional<std::size_t> body_size = {}) {
    auto got = std::make_unique<Got>();
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
    const TimePoint end = Clock::now() + 20s;
    while (!condition()) {
      if (Clock::now() > end) return false;
      loop_.runReady();
      if (desk_.anyWaits()) desk_.callNext(Clock::now());
    }
    return true;
  }
  void finish(Got& got) {
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

  std::unique_ptr<Got> startUpgrade() {
    auto got = std::make_unique<Got>();
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
    auto request = std::make_unique<ProxiedRequest>(stream, std::move(terms),
                                                    ProxyServices{loop_, superpods_, superpods_, desk_, replays_, 0}, *this);
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

TEST_F(ProxiedRequestTest, CarriesTheRequestAndItsAnswer) {
  FakeBox& first = box(0);
  std::string route, target;
  first.on_whole = [&](FakeBox::Seen& seen) {
    route = seen.stream->request().headers.find("wasabi-route").value_or("");
    target = seen.stream->request().target;
    answer(*seen.stream, 201, "made of " + std::to_string(seen.body.size()),
           {{"proxy-status", "wasabi; error=proxy_internal_response; details=\"function.trap\""}, {"wasabi-mine", "1"}, {"x-own", "1"}});
  };
  auto got = start("POST", 1000);
  finish(*got);
  EXPECT_EQ(got->head.status, 201);
  EXPECT_EQ(got->body, "made of 1000");
  EXPECT_EQ(got->head.headers.find("x-own"), "1");
  EXPECT_FALSE(got->head.headers.find("wasabi-mine"));
  EXPECT_EQ(route, "acme/hello@3;prefix=11");
  EXPECT_EQ(target, "/acme/hello?a=b");
  ASSERT_TRUE(allSettled());
  EXPECT_EQ(settled_[0].outcome, "function.trap");
  EXPECT_EQ(settled_[0].target, "superpod-0");
  EXPECT_EQ(settled_[0].bytes_in, 1000u);
  EXPECT_EQ(desk_.running({0}), 0u);
}

TEST_F(ProxiedRequestTest, WaitsUntilSomebodyServesIt) {
  auto got = start("GET");
  ASSERT_TRUE(runUntil([&] { return desk_.anyWaits(); }));
  box(0).on_whole = [](FakeBox::Seen& seen) { answer(*seen.stream, 200, "late"); };
  finish(*got);
  EXPECT_EQ(got->body, "late");
  ASSERT_TRUE(allSettled());
  EXPECT_EQ(settled_[0].waited_for, Reason::kQueueStarting);
}

TEST_F(ProxiedRequestTest, WaitsNoLongerThanItsDeadline) {
  patience_ = 50ms;
  auto got = start("GET");
  finish(*got);
  EXPECT_EQ(got->head.status, 503);
  ASSERT_TRUE(allSettled());
  EXPECT_EQ(settled_[0].reason, Reason::kDeadline);
  EXPECT_FALSE(desk_.anyWaits());
}

TEST_F(ProxiedRequestTest, WhatIsTurnedAwayGoesWhereThereIsRoom) {
  FakeBox& full = box(0);
  full.on_request = [](FakeBox::Seen& seen) { answer(*seen.stream, 503, "", {{"wasabi-no-room", "queue.memory"}}); };
  box(1).on_whole = [](FakeBox::Seen& seen) { answer(*seen.stream, 200, seen.body); };
  auto got = start("POST", 5000);
  finish(*got);
  EXPECT_EQ(got->head.status, 200);
  EXPECT_EQ(got->body.size(), 5000u);
  ASSERT_TRUE(allSettled());
  EXPECT_EQ(settled_[0].runs, 1u);
  EXPECT_EQ(desk_.running({0}) + desk_.running({1}), 0u);
}

TEST_F(ProxiedRequestTest, WhatItsTenantMayNotHaveThereHoldsBackNoOther) {
  constexpr policy::VersionId kOther{1};
  FakeBox& full = box(0);
  full.on_request = [](FakeBox::Seen& seen) {
    answer(*seen.stream, 503, "", {{"wasabi-no-room", "queue.tenant_share"}});
  };
  desk_.setTenant({1}, 1, std::nullopt);
  desk_.setFunction({1}, {{1}, 100});
  desk_.setVersion(kOther, {1}, ByteSize{1 << 20});
  desk_.serves({0}, kOther, Clock::now());
  auto got = start("GET");
  ASSERT_TRUE(runUntil([&] { return desk_.anyWaits(); }));
  const TimePoint now = Clock::now();
  desk_.arrive({0, 999, kOther, now, now + 10s}, now);
  EXPECT_EQ(desk_.running({0}), 1u);
  desk_.ended(kOther, {0}, now);
  full.on_request = [](FakeBox::Seen& seen) { answer(*seen.stream, 200, ""); };
  finish(*got);
}

// What does not fit into the replay buffer is not sent before the box has said that it begins.
TEST_F(ProxiedRequestTest, ALargeBodyIsStillThereWhenItIsTurnedAway) {
  constexpr std::size_t kSize = 3 << 20;
  box(0).on_request = [](FakeBox::Seen& seen) { answer(*seen.stream, 503, "", {{"wasabi-no-room", "queue.memory"}}); };
  box(1).on_whole = [](FakeBox::Seen& seen) { answer(*seen.stream, 200, std::to_string(seen.body.size())); };
  auto got = start("POST", kSize);
  finish(*got);
  EXPECT_EQ(got->head.status, 200);
  EXPECT_EQ(got->body, std::to_string(kSize));
  EXPECT_TRUE(boxes_[0]->seen[0]->body.empty());
}

TEST_F(ProxiedRequestTest, WithoutAPlaceForItsBodyItIsStillTurnedAwayWhole) {
  while (replays_.take()) {
  }
  box(0).on_request = [](FakeBox::Seen& seen) { answer(*seen.stream, 503, "", {{"wasabi-no-room", "queue.memory"}}); };
  box(1).on_whole = [](FakeBox::Seen& seen) { answer(*seen.stream, 200, std::to_string(seen.body.size())); };
  auto got = start("POST", 5000);
  finish(*got);
  EXPECT_EQ(got->body, "5000");
  ASSERT_TRUE(allSettled());
  EXPECT_EQ(replays_.left(), 0);
}

TEST_F(ProxiedRequestTest, WhoseBodyWasNotKeptDoesNotRunAgain) {
  while (replays_.take()) {
  }
  FakeBox& dying = box(0);
  dying.on_whole = [&](FakeBox::Seen&) {
    desk_.closeTarget({0});
    loop_.post([&] { dying.die(); });
  };
  box(1).on_whole = [](FakeBox::Seen& seen) { answer(*seen.stream, 200, "again"); };
  auto got = start("PUT", 10);
  finish(*got);
  EXPECT_EQ(got->head.status, 502);
}

TEST_F(ProxiedRequestTest, PlacesForBodiesComeBack) {
  box(0).on_whole = [](FakeBox::Seen& seen) { answer(*seen.stream, 200, seen.body); };
  for (int i = 0; i < 3; ++i) {
    auto got = start("PUT", 10);
    finish(*got);
  }
  ASSERT_TRUE(allSettled());
  ASSERT_TRUE(runUntil([&] { return replays_.left() == 8; }));
}

TEST_F(ProxiedRequestTest, AnIdempotentRequestOfABoxThatDiesRunsAgainElsewhere) {
  FakeBox& dying = box(0);
  dying.on_request = [&](FakeBox::Seen&) { loop_.post([&] { dying.die(); }); };
  box(1).on_whole = [](FakeBox::Seen& seen) { answer(*seen.stream, 200, "whole"); };
  auto got = start("GET");
  ASSERT_TRUE(runUntil([&] { return !dying.seen.empty(); }));
  desk_.closeTarget({0});
  finish(*got);
  EXPECT_EQ(got->head.status, 200);
  EXPECT_EQ(got->body, "whole");
  ASSERT_TRUE(allSettled());
  EXPECT_EQ(settled_[0].runs, 2u);
  EXPECT_TRUE(desk_.drained({0}));
}

TEST_F(ProxiedRequestTest, WhatMayHaveRunAndIsNotIdempotentEndsWith502) {
  FakeBox& dying = box(0);
  dying.on_whole = [&](FakeBox::Seen&) { loop_.post([&] { dying.die(); }); };
  auto got = start("POST", 10);
  finish(*got);
  EXPECT_EQ(got->head.status, 502);
  ASSERT_TRUE(allSettled());
  EXPECT_EQ(settled_[0].reason, Reason::kTargetDied);
}

TEST_F(ProxiedRequestTest, AnAnswerThatBreaksOffIsCutForTheClientToo) {
  FakeBox& dying = box(0);
  dying.on_whole = [&](FakeBox::Seen& seen) {
    seen.stream->sendHead({}, 100);
    seen.stream->send(bytes("half"));
    loop_.post([&] { loop_.post([&] { dying.die(); }); });
  };
  auto got = start("GET");
  finish(*got);
  EXPECT_FALSE(got->failure.empty());
  ASSERT_TRUE(allSettled());
  EXPECT_EQ(settled_[0].reason, Reason::kTargetDied);
}

TEST_F(ProxiedRequestTest, AClientThatLeavesEndsItsRequestAtTheBox) {
  FakeBox& first = box(0);
  first.on_request = [](FakeBox::Seen& seen) { seen.stream->resumeReading(); };
  auto got = start("GET");
  ASSERT_TRUE(runUntil([&] { return !first.seen.empty(); }));
  got->exchange.reset();
  ASSERT_TRUE(runUntil([&] { return first.seen[0]->closed.has_value(); }));
  ASSERT_TRUE(allSettled());
  EXPECT_EQ(settled_[0].reason, Reason::kClientGone);
  EXPECT_EQ(desk_.running({0}), 0u);
}

TEST_F(ProxiedRequestTest, AClientThatLeavesTheQueueFreesItsPlace) {
  auto got = start("GET");
  ASSERT_TRUE(runUntil([&] { return desk_.anyWaits(); }));
  got->exchange.reset();
  ASSERT_TRUE(allSettled());
  EXPECT_FALSE(desk_.anyWaits());
}

// A slow reader stops the box, and no more than the watermarks is held in between.
TEST_F(ProxiedRequestTest, BackPressureReachesTheBox) {
  constexpr std::size_t kSize = 32 << 20;
  std::size_t sent = 0;
  FakeBox& first = box(0);
  first.on_writable = [&](FakeBox::Seen& seen) {
    const std::string block(64 << 10, 'b');
    auto room = http::WriteRoom::kFree;
    for (; sent < kSize && room == http::WriteRoom::kFree; sent += block.size()) room = seen.stream->send(bytes(block));
    if (sent == kSize) seen.stream->finish({});
  };
  first.on_whole = [&](FakeBox::Seen& seen) {
    seen.stream->sendHead({}, kSize);
    first.on_writable(seen);
  };
  auto got = start("GET");
  got->exchange->pauseReading();
  ASSERT_TRUE(runUntil([&] { return sent > 0; }));
  for (int i = 0; i < 1000; ++i) loop_.runReady();
  EXPECT_LT(sent, std::size_t{8} << 20);
  got->exchange->resumeReading();
  finish(*got);
  EXPECT_EQ(got->body.size(), kSize);
  ASSERT_TRUE(allSettled());
}

TEST_F(ProxiedRequestTest, AContainerMayTurnTheConnectionIntoATunnel) {
  FakeBox& container = box(0, Target::Kind::kContainer);
  container.on_request = [](FakeBox::Seen& seen) {
    EXPECT_EQ(seen.stream->request().upgrade, "websocket");
    EXPECT_FALSE(seen.stream->request().headers.find("wasabi-route"));
    seen.stream->acceptUpgrade("websocket", {});
    seen.stream->resumeReading();
  };
  container.on_body = [](FakeBox::Seen& seen, std::span<const std::byte> chunk) { seen.stream->send(chunk); };
  container.on_whole = [](FakeBox::Seen& seen) { seen.stream->finish({}); };
  auto got = startUpgrade();
  ASSERT_TRUE(runUntil([&] { return got->head.status == 101; }));
  got->exchange->send(bytes("ping"));
  ASSERT_TRUE(runUntil([&] { return got->body == "ping"; }));
  got->exchange->finishBody();
  finish(*got);
  EXPECT_EQ(got->failure, "");
  ASSERT_TRUE(allSettled());
  EXPECT_EQ(settled_[0].status, 101);
  EXPECT_EQ(settled_[0].reason, Reason::kNone);
  EXPECT_EQ(desk_.running({0}), 0u);
}

TEST_F(ProxiedRequestTest, ASuperpodIsNotAskedToUpgrade) {
  FakeBox& first = box(0);
  first.on_whole = [](FakeBox::Seen& seen) {
    EXPECT_EQ(seen.stream->request().upgrade, "");
    answer(*seen.stream, 200, "plain");
  };
  auto got = startUpgrade();
  finish(*got);
  EXPECT_EQ(got->body, "plain");
}

}  // namespace
}  // namespace wasabi::node
