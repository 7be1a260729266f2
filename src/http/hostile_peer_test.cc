// Peers that keep to the protocol, more or less, and ask for more than is good for anybody.
#include <gtest/gtest.h>

#include <string>

#include "http/server_test_support.h"

namespace wasabi::http {
namespace {

using namespace std::chrono_literals;

TEST(HostilePeerTest, PipelinedRequestsWaitWhileLargeAnswersAreNotTaken) {
  const std::string large(300'000, 'x');
  TestServer server({}, [&](RecordedRequest& request) { respond(request.stream, 200, large); });
  RawClient client(server, 4096);
  std::string input;
  for (int i = 0; i < 50; ++i) input += "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  client.send(input);
  server.runFor(20ms);
  EXPECT_LE(server.server->counters().buffered_bytes, 1'500'000U);
  // None is forgotten.
  ASSERT_TRUE(client.receiveSize(50 * large.size()));
  ASSERT_TRUE(server.runUntil([&] { return server.requests.size() == 50; }));
}

}  // namespace
}  // namespace wasabi::http
