// The server over HTTP/1.x: literal bytes in, literal bytes out.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "http/server.h"
#include "http/server_test_support.h"

namespace wasabi::http {
namespace {

using namespace std::chrono_literals;

TEST(H1ServerTest, AnswersOneRequestAfterTheOther) {
  TestServer server;
  RawClient client(server);
  client.send("GET /a?b HTTP/1.1\r\nHost: h:1\r\nX-One: 1\r\n\r\n");
  ASSERT_TRUE(client.receiveUntil("|\n"));
  EXPECT_EQ(withoutDate(client.received), "HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\nGET /a?b h:1|\n");
}

}  // namespace
}  // namespace wasabi::http
