#include "box/command_response.h"

#include <gtest/gtest.h>

#include "box/fake_stream.h"

namespace wasabi::box {
namespace {

constexpr std::size_t kHeadBytes = 64;

std::span<const std::byte> bytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

class CommandResponseTest : public ::testing::Test {
 protected:
  FakeStream stream_;
  ResponseWriter writer_{stream_, ByteSize{200}};
  CommandResponse plain_{catalog::CommandHttp::kPlain, kHeadBytes, writer_};
  CommandResponse cgi_{catalog::CommandHttp::kCgi, kHeadBytes, writer_};
};

TEST_F(CommandResponseTest, AShortAnswerGoesOutAtTheExitWithItsLength) {
  ASSERT_TRUE(plain_.output(bytesOf("hello")).has_value());
  EXPECT_FALSE(stream_.response.has_value());
  ASSERT_TRUE(plain_.exited().has_value());
  EXPECT_EQ(stream_.response->status, 200);
  EXPECT_EQ(stream_.length, 5u);
  EXPECT_EQ(stream_.body, "hello");
  EXPECT_TRUE(stream_.finished);
}

TEST_F(CommandResponseTest, TheHeadGoesOutOnceEnoughWasWritten) {
  ASSERT_TRUE(plain_.output(bytesOf(std::string(kHeadBytes - 1, 'a'))).has_value());
  EXPECT_FALSE(stream_.response.has_value());
  EXPECT_EQ(plain_.room(), 1u);
  ASSERT_TRUE(plain_.output(bytesOf("b")).has_value());
  ASSERT_TRUE(stream_.response.has_value());
  EXPECT_EQ(stream_.length, std::nullopt);
  ASSERT_TRUE(plain_.output(bytesOf("c")).has_value());
  EXPECT_EQ(stream_.body, std::string(kHeadBytes - 1, 'a') + "bc");
}

TEST_F(CommandResponseTest, AFailureBeforeTheHeadIsACleanError) {
  ASSERT_TRUE(plain_.output(bytesOf("half an ans")).has_value());
  writer_.fail(Reason::kExitCode, "id");
  EXPECT_EQ(stream_.response->status, 500);
  EXPECT_EQ(stream_.body.find("half"), std::string::npos);
  EXPECT_NE(stream_.response->headers.find("proxy-status")->find("function.exit_code"), std::string::npos);
}

TEST_F(CommandResponseTest, AFailureAfterTheHeadCutsTheStream) {
  ASSERT_TRUE(plain_.output(bytesOf(std::string(kHeadBytes, 'a'))).has_value());
  writer_.fail(Reason::kTrap, "id");
  EXPECT_EQ(stream_.response->status, 200);
  EXPECT_TRUE(stream_.aborted);
  EXPECT_FALSE(stream_.finished);
}

TEST_F(CommandResponseTest, ASlowClientLeavesNoRoom) {
  stream_.room = http::WriteRoom::kFull;
  ASSERT_TRUE(plain_.output(bytesOf(std::string(kHeadBytes, 'a'))).has_value());
  EXPECT_EQ(plain_.room(), 0u);
  writer_.roomAgain();
  EXPECT_GT(plain_.room(), 0u);
}

TEST_F(CommandResponseTest, ABodyBeyondItsLimitIsRefused) {
  ASSERT_TRUE(plain_.output(bytesOf(std::string(kHeadBytes, 'a'))).has_value());
  auto sent = plain_.output(bytesOf(std::string(200, 'b')));
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error().code(), ErrorCode::kExhausted);
  EXPECT_EQ(stream_.body.size(), kHeadBytes);
}

TEST_F(CommandResponseTest, ABodyThatIsTooLongAtOnceLeavesTheHeadUnsent) {
  auto sent = plain_.output(bytesOf(std::string(201, 'b')));
  ASSERT_FALSE(sent.has_value());
  EXPECT_FALSE(stream_.response.has_value());
}

TEST_F(CommandResponseTest, InCgiModeTheOutputStartsWithTheHead) {
  ASSERT_TRUE(cgi_.output(bytesOf("Status: 201\nX-")).has_value());
  ASSERT_TRUE(cgi_.output(bytesOf("A: b\n\nbody")).has_value());
  ASSERT_TRUE(cgi_.exited().has_value());
  EXPECT_EQ(stream_.response->status, 201);
  EXPECT_EQ(stream_.response->headers.find("x-a"), "b");
  EXPECT_EQ(stream_.body, "body");
  EXPECT_EQ(stream_.length, 4u);
}

TEST_F(CommandResponseTest, InCgiModeOutputWithoutAHeadIsAnError) {
  EXPECT_FALSE(cgi_.exited().has_value());
  ASSERT_TRUE(cgi_.output(bytesOf("X: y\n")).has_value());
  EXPECT_FALSE(cgi_.exited().has_value());
  EXPECT_FALSE(stream_.response.has_value());
}

TEST(ResponseWriterTest, ABodyMustHaveTheLengthOfItsHead) {
  FakeStream stream;
  ResponseWriter writer(stream, ByteSize{1000});
  writer.head({}, 4);
  EXPECT_TRUE(writer.body(bytesOf("ab")));
  EXPECT_FALSE(writer.finish());
  EXPECT_FALSE(writer.body(bytesOf("cde")));
  EXPECT_TRUE(writer.body(bytesOf("cd")));
  EXPECT_TRUE(writer.finish());
  EXPECT_EQ(stream.body, "abcd");
}

TEST(ResponseWriterTest, AnAnswerToHeadMayDeclareALengthAndSendNothing) {
  FakeStream stream;
  stream.head.method = "HEAD";
  ResponseWriter writer(stream, ByteSize{1000});
  writer.head({}, 4);
  EXPECT_TRUE(writer.finish());
}

TEST(ResponseWriterTest, AfterTheClientIsGoneNothingTouchesTheStream) {
  FakeStream stream;
  ResponseWriter writer(stream, ByteSize{1000});
  writer.close();
  writer.head({}, std::nullopt);
  EXPECT_TRUE(writer.body(bytesOf("x")));
  EXPECT_TRUE(writer.finish());
  EXPECT_FALSE(stream.response.has_value());
  EXPECT_TRUE(stream.body.empty());
}

TEST(RefusalTest, SaysWhyAndWhenToComeBack) {
  FakeStream stream;
  sendRefusal(stream, {Reason::kFunctionConcurrency}, "4bf9");
  EXPECT_EQ(stream.response->status, 429);
  EXPECT_EQ(stream.response->headers.find("retry-after"), "1");
  EXPECT_EQ(stream.body, "refused.function_concurrency\nrequest 4bf9\n");
  EXPECT_EQ(stream.length, stream.body.size());
}

}  // namespace
}  // namespace wasabi::box
