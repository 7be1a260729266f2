#include "box/access_log.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace wasabi::box {
namespace {

using namespace std::chrono_literals;

TEST(AccessLogTest, OneJsonObjectPerRequest) {
  auto spec = std::make_shared<catalog::FunctionSpec>();
  spec->name = {"acme", "hello"};
  spec->version = "0123456789ab";
  RequestRecord record;
  record.function = spec;
  record.request_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  record.method = "GET";
  record.path = "/acme/hello/\"\n\xff";
  record.reason = Reason::kTrap;
  record.status = 500;
  record.bytes_in = 1;
  record.bytes_out = 2;
  record.wall = 3ms;
  record.cpu = 4us;
  record.wait = 5us;
  record.peak_memory = ByteSize{6};
  record.cold = true;
  std::string line;
  appendAccessLine(line, record, 1'767'323'045'678);
  ASSERT_TRUE(line.ends_with('\n'));
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["time"], "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(json["tenant"], "acme");
  EXPECT_EQ(json["function"], "hello");
  EXPECT_EQ(json["version"], "0123456789ab");
  EXPECT_EQ(json["outcome"], "function_failed");
  EXPECT_EQ(json["reason"], "function.trap");
  EXPECT_EQ(json["status"], 500);
  EXPECT_EQ(json["wall_us"], 3000);
  EXPECT_EQ(json["cpu_us"], 4);
  EXPECT_EQ(json["wait_us"], 5);
  EXPECT_EQ(json["peak_memory"], 6);
  EXPECT_EQ(json["cold"], true);
  EXPECT_EQ(json["path"], "/acme/hello/\"\n\xef\xbf\xbd");
}

TEST(AccessLogTest, AnUnroutedRequestHasNoFunction) {
  RequestRecord record;
  record.reason = Reason::kNoRoute;
  std::string line;
  appendAccessLine(line, record, 0);
  const auto json = nlohmann::json::parse(line);
  EXPECT_FALSE(json.contains("function"));
  EXPECT_EQ(json["reason"], "refused.no_route");
}

}  // namespace
}  // namespace wasabi::box
