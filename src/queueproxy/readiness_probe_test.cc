#include "queueproxy/readiness_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wasabi::queueproxy {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using Kind = ReadinessProbe::Kind;

ReadinessProbe one(std::string_view json) {
  const auto probes = parseReadinessProbes(json, 8080);
  EXPECT_TRUE(probes && probes->size() == 1) << json;
  return probes && probes->size() == 1 ? probes->front() : ReadinessProbe();
}

TEST(ReadinessProbeTest, HttpGetWithAllThatItMayHave) {
  const ReadinessProbe probe = one(R"({"httpGet":{"path":"/ready?x=1","port":8081,"host":"127.0.0.1","scheme":"HTTPS",
              "httpHeaders":[{"name":"K-Kubelet-Probe","value":"queue"},{"name":"X","value":""}]},
              "timeoutSeconds":3,"periodSeconds":10,"successThreshold":2,"failureThreshold":3,"initialDelaySeconds":1})");
  EXPECT_EQ(probe.kind, Kind::kHttpGet);
  EXPECT_TRUE(probe.https);
  EXPECT_EQ(probe.path, "/ready?x=1");
  EXPECT_EQ(probe.port, 8081);
  ASSERT_EQ(probe.headers.size(), 2u);
  EXPECT_EQ(probe.headers[0], std::pair(std::string("K-Kubelet-Probe"), std::string("queue")));
  EXPECT_EQ(probe.timeout, seconds(3));
  EXPECT_EQ(probe.period, seconds(10));
  EXPECT_EQ(probe.success_threshold, 2u);
  EXPECT_FALSE(probe.isAggressive());
}

TEST(ReadinessProbeTest, WhatIsMissingHasItsDefault) {
  const ReadinessProbe probe = one(R"({"httpGet":{"path":"ready"}})");
  EXPECT_EQ(probe.path, "/ready");
  EXPECT_EQ(probe.port, 8080);
  EXPECT_FALSE(probe.https);
  EXPECT_EQ(probe.timeout, seconds(1));
  EXPECT_EQ(probe.success_threshold, 1u);
  EXPECT_TRUE(probe.isAggressive());
  EXPECT_EQ(one(R"({"httpGet":{}})").path, "/");
  EXPECT_EQ(one(R"({"httpGet":{"path":""}})").path, "/");
}

TEST(ReadinessProbeTest, PortsMayBeNumbersDigitsOrNames) {
  EXPECT_EQ(one(R"({"tcpSocket":{"port":99}})").port, 99);
  EXPECT_EQ(one(R"({"tcpSocket":{"port":"99"}})").port, 99);
  EXPECT_EQ(one(R"({"tcpSocket":{"port":"http1"}})").port, 8080);
  EXPECT_EQ(one(R"({"tcpSocket":{"port":0}})").port, 8080);
}

TEST(ReadinessProbeTest, TcpGrpcAndExec) {
  EXPECT_EQ(one(R"({"tcpSocket":{"port":1}})").kind, Kind::kTcp);
  const ReadinessProbe grpc = one(R"({"grpc":{"port":50051,"service":"acme"}})");
  EXPECT_EQ(grpc.kind, Kind::kGrpc);
  EXPECT_EQ(grpc.port, 50'051);
  EXPECT_EQ(grpc.grpc_service, "acme");
  EXPECT_EQ(one(R"({"grpc":{"port":1,"service":null}})").grpc_service, "");
  const ReadinessProbe exec = one(R"({"exec":{"command":["true"]},"periodSeconds":5})");
  EXPECT_EQ(exec.kind, Kind::kTcp);
  EXPECT_EQ(exec.port, 8080);
  EXPECT_EQ(exec.period, seconds(5));
  EXPECT_EQ(one("{}").kind, Kind::kTcp);
}

TEST(ReadinessProbeTest, AnArrayIsSeveral) {
  const auto probes = parseReadinessProbes(R"([{"tcpSocket":{"port":1}},null,{"httpGet":{"port":2}}])", 8080);
  ASSERT_TRUE(probes);
  ASSERT_EQ(probes->size(), 2u);
  EXPECT_EQ((*probes)[1].port, 2);
  EXPECT_TRUE(parseReadinessProbes("null", 8080)->empty());
  EXPECT_TRUE(parseReadinessProbes("[]", 8080)->empty());
}

TEST(ReadinessProbeTest, WhatCannotBeAProbeIsRefused) {
  for (const char* bad : {"",
                          "{",
                          "1",
                          "\"x\"",
                          "[1]",
                          R"({"httpGet":1})",
                          R"({"httpGet":{"port":70000}})",
                          R"({"httpGet":{"port":-1}})",
                          R"({"httpGet":{"port":1.5}})",
                          R"({"httpGet":{"path":"/a b"}})",
                          R"({"httpGet":{"scheme":"ftp"}})",
                          R"({"httpGet":{"path":7}})",
                          R"({"httpGet":{"httpHeaders":{}}})",
                          R"({"httpGet":{"httpHeaders":[1]}})",
                          R"({"httpGet":{"httpHeaders":[{"name":"a b","value":"c"}]}})",
                          R"({"httpGet":{"httpHeaders":[{"name":"a","value":"c\nd"}]}})",
                          R"({"tcpSocket":{},"periodSeconds":"1"})",
                          R"({"tcpSocket":{},"periodSeconds":-1})",
                          R"({"tcpSocket":{},"timeoutSeconds":100000})",
                          R"({"tcpSocket":{},"successThreshold":1001})",
                          R"({"grpc":{"service":1}})",
                          R"({"grpc":{"port":true}})"}) {
    const auto probes = parseReadinessProbes(bad, 8080);
    ASSERT_FALSE(probes) << bad;
    EXPECT_THAT(probes.error().message(), HasSubstr("write a corev1.Probe as JSON"));
  }
}

TEST(ReadinessProbeTest, SizesHaveLimits) {
  EXPECT_FALSE(parseReadinessProbes(std::string(kMostProbeBytes + 1, ' '), 1));
  EXPECT_FALSE(parseReadinessProbes(std::string(100'000, '['), 1));
  std::string many = "[{}";
  for (std::size_t i = 1; i < kMostProbes; ++i) many += ",{}";
  EXPECT_TRUE(parseReadinessProbes(many + "]", 1));
  EXPECT_FALSE(parseReadinessProbes(many + ",{}]", 1));
}

}  // namespace
}  // namespace wasabi::queueproxy
