#include "box/gateway_words.h"

#include <gtest/gtest.h>

#include <string>

#include "box/fake_stream.h"

namespace wasabi::box {
namespace {

http::RequestHead routed(const std::string& route, const std::string& target = "/acme/hello/a?b=/c") {
  http::RequestHead head;
  head.target = target;
  head.headers.add("wasabi-route", route);
  return head;
}

TEST(GatewayWordsTest, ARouteNamesTheVersionAndHowMuchOfThePathWasTaken) {
  const auto route = gatewayRouteOf(routed("acme/hello@3;prefix=11"));
  ASSERT_TRUE(route.has_value()) << route.error().message();
  EXPECT_EQ(route->function.toString(), "acme/hello@3");
  EXPECT_EQ(route->prefix_size, 11u);
  EXPECT_EQ(gatewayRouteOf(routed("acme/hello;prefix=0"))->function.toString(), "acme/hello");
}

TEST(GatewayWordsTest, APrefixEndsWithThePathAtTheLatest) {
  const std::size_t whole = std::string_view("/acme/hello/a").size();
  EXPECT_EQ(gatewayRouteOf(routed("acme/hello@3;prefix=" + std::to_string(whole)))->prefix_size, whole);
  // The query is no part of it.
  EXPECT_FALSE(gatewayRouteOf(routed("acme/hello@3;prefix=" + std::to_string(whole + 1))).has_value());
}

TEST(GatewayWordsTest, WhatIsNoRouteIsInvalidAndToldBack) {
  for (const char* text :
       {"", "acme/hello@3", ";prefix=1", "acme/hello@3;prefix=", "acme/hello@3;prefix=-1", "acme/hello@3;prefix=+1",
        "acme/hello@3;prefix= 1", "acme/hello@3;prefix=1x", "acme/hello@3;prefix=1;prefix=2", "hello@3;prefix=1",
        "acme/hello@0;prefix=1", "acme/hello@;prefix=1", "acme/hello@1@2;prefix=1", "../hello@3;prefix=1",
        "acme/hello@3;prefix=18446744073709551616", "acme/hello@99999999999;prefix=1"}) {
    const auto route = gatewayRouteOf(routed(text));
    ASSERT_FALSE(route.has_value()) << text;
    EXPECT_EQ(route.error().code(), ErrorCode::kInvalid) << text;
    EXPECT_NE(route.error().message().find("'" + std::string(text) + "'"), std::string::npos) << text;
  }
}

TEST(GatewayWordsTest, ARequestWithoutTheFieldHasNoRoute) {
  EXPECT_FALSE(hasRoute({}));
  EXPECT_TRUE(hasRoute(routed("")));
}

TEST(GatewayWordsTest, TheGatewayAloneIsBelievedWhomARequestComesFrom) {
  FakeStream stream;
  stream.head.scheme = "http";
  stream.head.headers.add("wasabi-client", "203.0.113.7:5555");
  stream.head.headers.add("wasabi-scheme", "https");
  EXPECT_EQ(clientOf(stream, Front::kGateway), "203.0.113.7:5555");
  EXPECT_TRUE(isHttps(stream, Front::kGateway));
  EXPECT_EQ(clientOf(stream, Front::kClients), stream.peerAddress());
  EXPECT_FALSE(isHttps(stream, Front::kClients));
}

TEST(GatewayWordsTest, WhatTheGatewayDoesNotSayIsNotMadeUp) {
  FakeStream stream;
  stream.head.scheme = "https";  // of the connection between gateway and box, which says nothing of the client's
  EXPECT_EQ(clientOf(stream, Front::kGateway), "");
  EXPECT_FALSE(isHttps(stream, Front::kGateway));
  EXPECT_TRUE(isHttps(stream, Front::kClients));
}

TEST(GatewayWordsTest, TheBookingIsToldInBytes) {
  http::Fields headers;
  addBooking(headers, ByteSize{3 << 20});
  EXPECT_EQ(headers.find("wasabi-booked"), "3145728");
}

TEST(GatewayWordsTest, NoRoomIsAWholeAnswerThatLeavesTheBodyUnread) {
  FakeStream stream;
  stream.complete = false;
  sendNoRoom(stream, "queue.memory");
  ASSERT_TRUE(stream.response);
  EXPECT_EQ(stream.response->status, 503);
  EXPECT_EQ(stream.response->headers.find("wasabi-no-room"), "queue.memory");
  EXPECT_EQ(stream.length, 0u);
  EXPECT_TRUE(stream.finished);
  EXPECT_FALSE(stream.reading);
}

}  // namespace
}  // namespace wasabi::box
