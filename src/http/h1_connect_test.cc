// CONNECT over HTTP/1.1: to whom it comes, and the tunnel that it becomes.
#include <gtest/gtest.h>

#include <string>

#include "http/server.h"
#include "http/server_test_support.h"

namespace wasabi::http {
namespace {

// What a forward proxy is asked: "method authority upgrade", or the server's own answer.
std::string connectOf(const std::string& head, bool takes_connect = true) {
  std::string seen;
  TestServer server({}, [&](RecordedRequest& request) {
    const RequestHead& got = request.stream.request();
    seen = got.method + " " + got.authority + " " + got.upgrade + " <" + got.target + ">";
    respond(request.stream, 403, "no\n");
  });
  server.takes_connect = takes_connect;
  RawClient client(server);
  client.send(head);
  EXPECT_TRUE(client.receiveUntil("\n"));
  return seen.empty() ? client.received.substr(0, client.received.find("\r\n")) : seen;
}

TEST(ConnectTest, ComesToForwardProxiesOnly) {
  const std::string head = "CONNECT api.example.com:443 HTTP/1.1\r\nHost: other\r\n\r\n";
  EXPECT_EQ(connectOf(head), "CONNECT api.example.com:443 connect <>");
  EXPECT_EQ(connectOf("CONNECT h:1 HTTP/1.0\r\n\r\n"), "CONNECT h:1 connect <>") << "some clients have no Host";
  EXPECT_EQ(connectOf(head, false), "HTTP/1.1 501 Not Implemented");
}

TEST(ConnectTest, WantsAHostAndAPortAndNoBody) {
  for (const char* target : {"h", "h:", "/", "http://h:1/", "*", "user@h:1", "h:1/path"}) {
    EXPECT_EQ(connectOf(std::string("CONNECT ") + target + " HTTP/1.1\r\nHost: h\r\n\r\n"), "HTTP/1.1 400 Bad Request")
        << target;
  }
  const std::string head = "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(connectOf(head + "Content-Length: 1\r\n\r\nx"), "HTTP/1.1 400 Bad Request");
  EXPECT_EQ(connectOf(head + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "HTTP/1.1 400 Bad Request");
}

TEST(ConnectTest, OpensATunnel) {
  TestServer server({}, [](RecordedRequest& request) {
    request.stream.acceptUpgrade("", {});
    request.stream.resumeReading();
    request.stream.send(bytesOf("hello"));
  });
  server.takes_connect = true;
  RawClient client(server);
  client.send("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\nfirst");
  ASSERT_TRUE(client.receiveUntil("hello"));
  const std::size_t end = client.received.find("\r\n\r\n");
  EXPECT_TRUE(client.received.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(client.received.find("content-length"), std::string::npos);
  EXPECT_EQ(client.received.find("transfer-encoding"), std::string::npos);
  EXPECT_EQ(client.received.substr(end + 4), "hello");
  ASSERT_TRUE(server.runUntil([&] { return server.requests[0].body == "first"; }));
  server.requests[0].stream.finish({});
  client.closeOutput();
  ASSERT_TRUE(server.runUntil([&] { return server.requests[0].closed.has_value(); }));
  EXPECT_EQ(server.requests[0].closed, CloseReason::kFinished);
}

}  // namespace
}  // namespace wasabi::http
