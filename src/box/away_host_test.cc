#include "box/away_host.h"

#include <gtest/gtest.h>

#include <string>

#include "base/text.h"

namespace wasabi::box {
namespace {

using engine::Output;

// Writes down what it hears.
class Listener final : public engine::InvocationHost {
 public:
  std::size_t outputRoom(Output) override { return 10; }
  void output(Output stream, std::span<const std::byte> data) override {
    heard += (stream == Output::kStderr ? "err:" : "out:") + std::string(textOf(data)) + ";";
  }
  void inputConsumed(std::size_t size) override { heard += "in:" + std::to_string(size) + ";"; }
  void responseHead(std::uint16_t status, std::span<const engine::FieldView> headers) override {
    heard += "head:" + std::to_string(status) + textOf(headers) + ";";
  }
  void responseEnd(std::span<const engine::FieldView> trailers) override { heard += "end:" + textOf(trailers) + ";"; }
  engine::Growth memoryGrowth(ByteSize, ByteSize) override { return engine::Growth::kGrant; }
  engine::OutboundFailure outboundStart(std::uint64_t id, const engine::OutboundRequest& request) override {
    heard += "call:" + std::to_string(id) + std::string(request.method) + std::string(request.authority) +
             std::string(request.path) + textOf(request.headers) + ";";
    return engine::OutboundFailure::kNone;
  }
  std::size_t outboundRoom(std::uint64_t) override { return 10; }
  void outboundBody(std::uint64_t id, std::span<const std::byte> data) override {
    heard += "body:" + std::to_string(id) + std::string(textOf(data)) + ";";
  }
  void outboundBodyEnd(std::uint64_t id, bool complete) override {
    heard += "bodyend:" + std::to_string(id) + (complete ? "whole;" : "cut;");
  }
  void outboundConsumed(std::uint64_t id, std::size_t size) override {
    heard += "read:" + std::to_string(id) + "," + std::to_string(size) + ";";
  }
  void outboundCancel(std::uint64_t id) override { heard += "cancel:" + std::to_string(id) + ";"; }

  std::string heard;

 private:
  using InvocationHost::InvocationHost;
  static std::string_view textOf(std::span<const std::byte> data) { return wasabi::textOf(data); }
  static std::string textOf(std::span<const engine::FieldView> fields) {
    std::string text;
    for (const auto& field : fields) text += " " + std::string(field.name) + "=" + std::string(field.value);
    return text;
  }
};

// Only calls that go on to the guest touch it, and these tests make none.
engine::Invocation& noGuest() {
  alignas(engine::Invocation) static std::byte nothing[sizeof(engine::Invocation)] = {};
  return *reinterpret_cast<engine::Invocation*>(nothing);
}

struct AwayHostTest : testing::Test {
  std::string playedBack() {
    home.heard.clear();
    away.playBack(home, noGuest());
    return home.heard;
  }

  Listener home;
  AwayHost away;
};

TEST_F(AwayHostTest, PlaysBackOnceInOrderWithCopiesOfItsOwn) {
  {
    std::string text = "first";
    std::string name = "x";
    const engine::FieldView field{name, text};
    away.output(Output::kStderr, bytesOf(text));
    away.inputConsumed(7);
    away.responseHead(201, {&field, 1});
    engine::OutboundRequest request{};
    request.method = text;
    request.authority = name;
    request.path = text;
    request.headers = {&field, 1};
    EXPECT_EQ(away.outboundStart(3, request), engine::OutboundFailure::kNone);
    away.outboundBody(3, bytesOf(text));
    away.outboundBodyEnd(3, true);
    away.outboundConsumed(3, 5);
    away.outboundCancel(3);
    away.responseEnd({&field, 1});
    text = "XXXXX";
    name = "Y";
  }
  EXPECT_EQ(home.heard, "");
  EXPECT_FALSE(away.wantsHome());
  EXPECT_EQ(playedBack(),
            "err:first;in:7;head:201 x=first;call:3firstxfirst x=first;body:3first;bodyend:3whole;read:3,5;cancel:3;"
            "end: x=first;");
  EXPECT_EQ(playedBack(), "");
}

TEST_F(AwayHostTest, WhatCannotBeTakenBackWaitsForHome) {
  EXPECT_EQ(away.outputRoom(Output::kStdout), 0u);
  EXPECT_TRUE(away.wantsHome());
  EXPECT_EQ(playedBack(), "");
  EXPECT_FALSE(away.wantsHome());
  EXPECT_EQ(away.outputRoom(Output::kResponseBody), 0u);
  EXPECT_TRUE(away.wantsHome());
  playedBack();
  EXPECT_EQ(away.memoryGrowth({0}, {65536}), engine::Growth::kWait);
  EXPECT_TRUE(away.wantsHome());
}

TEST_F(AwayHostTest, TheLogHasRoomForASlice) {
  const std::size_t room = away.outputRoom(Output::kStderr);
  ASSERT_GT(room, 1000u);
  away.output(Output::kStderr, std::vector<std::byte>(room - 1));
  EXPECT_EQ(away.outputRoom(Output::kStderr), 1u);
  EXPECT_FALSE(away.wantsHome());
  away.output(Output::kStderr, std::vector<std::byte>(1));
  EXPECT_EQ(away.outputRoom(Output::kStderr), 0u);
  EXPECT_TRUE(away.wantsHome());
  EXPECT_EQ(playedBack().size(), room + 2 * std::string("err:;").size());
  EXPECT_EQ(away.outputRoom(Output::kStderr), room);
}

TEST_F(AwayHostTest, TheSwitchTurns) {
  HostSwitch host(home);
  EXPECT_EQ(host.outputRoom(Output::kStdout), 10u);
  host.turnTo(away);
  EXPECT_EQ(host.outputRoom(Output::kStdout), 0u);
  host.inputConsumed(1);
  EXPECT_EQ(home.heard, "");
  host.turnTo(home);
  host.inputConsumed(2);
  EXPECT_EQ(home.heard, "in:2;");
}

}  // namespace
}  // namespace wasabi::box
