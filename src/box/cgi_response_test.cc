#include "box/cgi_response.h"

#include <gtest/gtest.h>

namespace wasabi::box {
namespace {

constexpr std::size_t kMost = 1024;

CgiHead parsed(std::string_view output) {
  auto head = parseCgiHead(output, kMost);
  EXPECT_TRUE(head.has_value() && head->has_value()) << output;
  return head && *head ? **head : CgiHead{};
}

TEST(CgiResponseTest, ReadsStatusAndFields) {
  const CgiHead head = parsed("Status: 404 Not Found\r\nContent-Type: text/html\r\n\r\nbody");
  EXPECT_EQ(head.head.status, 404);
  EXPECT_EQ(head.head.headers.find("content-type"), "text/html");
  EXPECT_EQ(head.head.headers.find("status"), std::nullopt);
  EXPECT_EQ(head.size, std::string_view("Status: 404 Not Found\r\nContent-Type: text/html\r\n\r\n").size());
}

TEST(CgiResponseTest, LinesMayEndInABareNewline) {
  const CgiHead head = parsed("X-A:  1 \n\n");
  EXPECT_EQ(head.head.status, 200);
  EXPECT_EQ(head.head.headers.find("x-a"), "1");
}

TEST(CgiResponseTest, ALocationAloneRedirects) {
  EXPECT_EQ(parsed("Location: /there\n\n").head.status, 302);
  EXPECT_EQ(parsed("Status: 201\nLocation: /there\n\n").head.status, 201);
}

TEST(CgiResponseTest, FramingAndConnectionFieldsAreNotTheGuests) {
  const CgiHead head =
      parsed("Content-Length: 7\nTransfer-Encoding: chunked\nConnection: close\nWasabi-Version: 1\nX: y\n\n");
  EXPECT_EQ(head.head.headers.size(), 1u);
  EXPECT_EQ(head.head.headers.find("x"), "y");
}

TEST(CgiResponseTest, WaitsForTheEmptyLine) {
  for (std::string_view output : {"", "X", "X: y", "X: y\n", "X: y\r\n\r"}) {
    auto head = parseCgiHead(output, kMost);
    ASSERT_TRUE(head.has_value()) << output;
    EXPECT_FALSE(head->has_value()) << output;
  }
}

TEST(CgiResponseTest, RefusesWhatIsNoHead) {
  for (std::string_view output : {"hello world\n\n", ": y\n\n", "a b: y\n\n", "X: a\x01z\n\n", "Status: 99\n\n",
                                  "Status: abc\n\n", "Status: 600\n\n", "Status: 2000\n\n"}) {
    EXPECT_FALSE(parseCgiHead(output, kMost).has_value()) << output;
  }
  EXPECT_FALSE(parseCgiHead("X: " + std::string(kMost, 'y'), kMost).has_value());
}

}  // namespace
}  // namespace wasabi::box
