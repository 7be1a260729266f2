#include "queueproxy/request_class.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace wasabi::queueproxy {
namespace {

using Pairs = std::vector<std::pair<std::string_view, std::string_view>>;

http::Fields fieldsOf(const Pairs& pairs) {
  http::Fields fields;
  for (const auto& [name, value] : pairs) fields.add(name, value);
  return fields;
}

RequestKind kindOf(const Pairs& pairs, BelievedClaims believed = {}) {
  return kindOf(claimsOf(fieldsOf(pairs)), believed);
}

constexpr BelievedClaims kAll{true, true};

struct KindRow {
  const char* what;
  Pairs fields;
  RequestKind kind;
};

TEST(RequestClassTest, WhatARequestIs) {
  const KindRow rows[] = {
      {"kubelet", {{"User-Agent", "kube-probe/1.34"}, {"K-Network-Probe", "queue"}}, RequestKind::kReadiness},
      {"kubelet without the field", {{"User-Agent", "kube-probe/1.34"}}, RequestKind::kReadiness},
      {"activator", {{"User-Agent", "Knative-Activator-Probe"}, {"K-Network-Probe", "queue"}}, RequestKind::kReadiness},
      {"autoscaler",
       {{"User-Agent", "Knative-Autoscaling-Probe"}, {"K-Network-Probe", "queue"}},
       RequestKind::kReadiness},
      {"a prober with another value",
       {{"User-Agent", "Knative-Activator-Probe"}, {"K-Network-Probe", "probe"}},
       RequestKind::kReadiness},
      {"the network's probe",
       {{"User-Agent", "Go-http-client/1.1"}, {"K-Network-Probe", "probe"}},
       RequestKind::kPathProbe},
      {"queue from somebody else", {{"User-Agent", "curl/8"}, {"K-Network-Probe", "queue"}}, RequestKind::kOrdinary},
      {"no agent", {{"K-Network-Probe", "queue"}}, RequestKind::kOrdinary},
      {"an agent that only looks like it", {{"User-Agent", "my kube-probe/1"}}, RequestKind::kOrdinary},
      {"another case", {{"User-Agent", "Kube-Probe/1"}}, RequestKind::kOrdinary},
      {"nothing", {}, RequestKind::kOrdinary},
      {"proxied", {{"K-Proxy-Request", "activator"}}, RequestKind::kProxied},
      {"proxied by nobody we know", {{"K-Proxy-Request", "me"}}, RequestKind::kOrdinary},
      {"the application's own probe", {{"K-Kubelet-Probe", "queue"}}, RequestKind::kKubeletPasses},
      {"an empty one", {{"K-Kubelet-Probe", ""}}, RequestKind::kOrdinary},
      {"both", {{"K-Kubelet-Probe", "x"}, {"K-Proxy-Request", "activator"}}, RequestKind::kKubeletPasses},
      {"a prober that claims more",
       {{"User-Agent", "kube-probe/"}, {"K-Proxy-Request", "activator"}},
       RequestKind::kReadiness}};
  for (const KindRow& row : rows) EXPECT_EQ(kindOf(row.fields, kAll), row.kind) << row.what;
}

TEST(RequestClassTest, ClientsThatAreNotBelievedNeitherHideLoadNorPassTheBreaker) {
  const Pairs kubelet = {{"K-Kubelet-Probe", "x"}};
  const Pairs proxied = {{"K-Proxy-Request", "activator"}};
  EXPECT_EQ(kindOf(kubelet), RequestKind::kOrdinary);
  EXPECT_EQ(kindOf(proxied), RequestKind::kOrdinary);
  EXPECT_EQ(kindOf(kubelet, {false, true}), RequestKind::kOrdinary);
  EXPECT_EQ(kindOf(proxied, {true, false}), RequestKind::kOrdinary);
  EXPECT_TRUE(isLoad(RequestKind::kOrdinary));
  EXPECT_TRUE(isLoad(RequestKind::kProxied));
  EXPECT_FALSE(isLoad(RequestKind::kKubeletPasses));
}

TEST(RequestClassTest, WhatIsAnsweredHereIsNoLoad) {
  for (const RequestKind kind : {RequestKind::kReadiness, RequestKind::kPathProbe}) {
    EXPECT_TRUE(isAnsweredHere(kind));
    EXPECT_FALSE(isLoad(kind));
  }
  EXPECT_FALSE(isAnsweredHere(RequestKind::kKubeletPasses));
  EXPECT_FALSE(isAnsweredHere(RequestKind::kOrdinary));
}

struct AnswerRow {
  const char* what;
  RequestKind kind;
  Pairs fields;
  bool draining;
  std::uint16_t status;  // 0: ask the application
  const char* body;
};

TEST(ProbeAnswerTest, StatusAndBodyAreExactlyKnatives) {
  const AnswerRow rows[] = {
      {"ready?", RequestKind::kReadiness, {{"K-Network-Probe", "queue"}}, false, 0, ""},
      {"ready? while draining", RequestKind::kReadiness, {{"K-Network-Probe", "queue"}}, true, 503, "shutting down\n"},
      {"another value",
       RequestKind::kReadiness,
       {{"K-Network-Probe", "X"}},
       false,
       400,
       "unexpected probe header value: X\n"},
      {"no value", RequestKind::kReadiness, {}, false, 400, "unexpected probe header value: \n"},
      {"another value while draining",
       RequestKind::kReadiness,
       {{"K-Network-Probe", "X"}},
       true,
       503,
       "shutting down\n"},
      {"path", RequestKind::kPathProbe, {{"K-Network-Hash", "h"}}, false, 200, ""},
      {"path without hash",
       RequestKind::kPathProbe,
       {},
       false,
       400,
       "a probe request must contain a non-empty \"K-Network-Hash\" header\n"},
      {"path with an empty hash",
       RequestKind::kPathProbe,
       {{"K-Network-Hash", ""}},
       false,
       400,
       "a probe request must contain a non-empty \"K-Network-Hash\" header\n"},
      {"path while draining", RequestKind::kPathProbe, {{"K-Network-Hash", "h"}}, true, 503, "shutting down\n"}};
  for (const AnswerRow& row : rows) {
    const auto answer = immediateAnswer(row.kind, fieldsOf(row.fields), row.draining);
    ASSERT_EQ(answer.has_value(), row.status != 0) << row.what;
    if (!answer) continue;
    EXPECT_EQ(answer->status, row.status) << row.what;
    EXPECT_EQ(answer->body, row.body) << row.what;
  }
}

TEST(ProbeAnswerTest, TheHashIsEchoed) {
  const auto answer = immediateAnswer(RequestKind::kPathProbe, fieldsOf({{"K-Network-Hash", "abc"}}), false);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->headers.find("k-network-hash"), "abc");
}

TEST(ProbeAnswerTest, OfTheApplication) {
  EXPECT_EQ(readinessAnswer(true).status, 200);
  EXPECT_EQ(readinessAnswer(true).body, "queue") << "the activator takes this body only";
  EXPECT_EQ(readinessAnswer(false).status, 503);
  EXPECT_EQ(readinessAnswer(false).body, "");
}

}  // namespace
}  // namespace wasabi::queueproxy
