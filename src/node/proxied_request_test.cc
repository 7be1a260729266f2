#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "node/proxied_request_fixture.h"

namespace wasabi::node {
namespace {

TEST_F(ProxiedRequestTest, CarriesTheRequestAndItsAnswer) {
  FakeBox& first = box(0);
  std::string route, target;
  first.on_whole = [&](FakeBox::Seen& seen) {
    route = seen.stream->request().headers.find("wasabi-route").value_or("");
    target = seen.stream->request().target;
    answer(*seen.stream, 201, "made of " + std::to_string(seen.body.size()),
           {{"proxy-status", "wasabi; error=proxy_internal_response; details=\"function.trap\""},
            {"wasabi-mine", "1"},
            {"x-own", "1"}});
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

TEST_F(ProxiedRequestTest, WhatItsBoxBooksForItIsWhatTheNextOnesAreCharged) {
  FakeBox& box = this->box(0);
  box.on_whole = [](FakeBox::Seen& seen) { answer(*seen.stream, 200, "", {{"wasabi-booked", "65536"}}); };
  auto got = start("GET");
  finish(*got);
  EXPECT_FALSE(got->head.headers.find("wasabi-booked"));
  ASSERT_TRUE(allSettled());
  EXPECT_EQ(desk_.figures(kHello).booking.value, 65536u);
  EXPECT_EQ(desk_.tenantFigures({0}).booked.value, 0u);
  for (const char* word : {"0", "-1", "1x", ""}) {
    box.on_whole = [word](FakeBox::Seen& seen) { answer(*seen.stream, 200, "", {{"wasabi-booked", word}}); };
    auto again = start("GET");
    finish(*again);
    ASSERT_TRUE(allSettled());
    EXPECT_EQ(desk_.figures(kHello).booking.value, 65536u) << word;
  }
}

TEST_F(ProxiedRequestTest, WhatItsTenantCouldNeverRunIsRefusedWithTheMend) {
  box(0);
  desk_.setTenant({0}, {1, std::nullopt, ByteSize{1 << 19}});
  auto got = start("GET");
  finish(*got);
  EXPECT_EQ(got->head.status, 429);
  EXPECT_EQ(got->head.headers.find("proxy-status"),
            "wasabi; error=proxy_internal_response; details=\"refused.tenant_memory\"");
  EXPECT_FALSE(got->head.headers.find("retry-after"));
  EXPECT_NE(got->body.find("ask the operator"), std::string::npos) << got->body;
}

// However it leaves its superpod, what it was charged is its tenant's again.
TEST_F(ProxiedRequestTest, ItsChargeReturnsWhenItsClientGoesAndWhenItsTargetDies) {
  const auto booked = [this] { return desk_.tenantFigures({0}).booked.value; };
  FakeBox& box = this->box(0);
  bool there = false;
  box.on_request = [&](FakeBox::Seen&) { there = true; };
  auto leaves = start("GET");
  ASSERT_TRUE(runUntil([&] { return there; }));
  EXPECT_EQ(booked(), std::uint64_t{1} << 20);
  leaves.reset();
  ASSERT_TRUE(allSettled());
  EXPECT_EQ(booked(), 0u);

  box.on_request = [](FakeBox::Seen& seen) { seen.stream->abort(); };
  auto dies = start("GET");
  finish(*dies);
  EXPECT_EQ(dies->head.status, 502);
  ASSERT_TRUE(allSettled());
  EXPECT_EQ(booked(), 0u);
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
  desk_.setTenant({1}, {});
  desk_.setFunction({1}, {{1}, 100});
  desk_.setVersion(kOther, {{1}, ByteSize{1 << 20}});
  desk_.serves({0}, kOther, Clock::now());
  auto got = start("GET");
  ASSERT_TRUE(runUntil([&] { return desk_.anyWaits(); }));
  const TimePoint now = Clock::now();
  desk_.arrive({0, 999, kOther, now, now + 10s}, now);
  EXPECT_EQ(desk_.running({0}), 1u);
  desk_.ended({kOther, {0}, ByteSize{1 << 20}}, std::nullopt, now);
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
