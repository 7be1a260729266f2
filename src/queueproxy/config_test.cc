#include "queueproxy/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "queueproxy/pod_annotations.h"

namespace wasabi::queueproxy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Variables = std::map<std::string, std::string, std::less<>>;

Environment environmentOf(Variables variables) {
  return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

Result<QueueProxyConfig> read(Variables variables, const std::optional<std::string>& annotations = std::nullopt) {
  return readConfig(environmentOf(std::move(variables)), annotations);
}

std::string problemWith(Variables variables, const std::optional<std::string>& annotations = std::nullopt) {
  const auto config = read(std::move(variables), annotations);
  return config ? "" : config.error().message();
}

// What Knative's controller of main writes for a plain service.
Variables knativeMain() {
  return {{"CONTAINER_CONCURRENCY", "0"},
          {"QUEUE_SERVING_PORT", "8012"},
          {"QUEUE_SERVING_TLS_PORT", "8112"},
          {"USER_PORT", "8080"},
          {"REVISION_TIMEOUT_SECONDS", "300"},
          {"REVISION_RESPONSE_START_TIMEOUT_SECONDS", "0"},
          {"REVISION_IDLE_TIMEOUT_SECONDS", "0"},
          {"SERVING_LOGGING_CONFIG", R"({"level":"info","encoding":"json"})"},
          {"SERVING_LOGGING_LEVEL", ""},
          {"SERVING_NAMESPACE", "default"},
          {"SERVING_SERVICE", "hello"},
          {"SERVING_CONFIGURATION", "hello"},
          {"SERVING_REVISION", "hello-00001"},
          {"SERVING_POD", "hello-00001-deployment-6d4cb-x"},
          {"SERVING_POD_IP", "10.244.0.7"},
          {"SERVING_READINESS_PROBE", R"({"tcpSocket":{"port":8080,"host":"127.0.0.1"},"successThreshold":1})"},
          {"OBSERVABILITY_CONFIG", R"({"tracing":{},"metrics":{"protocol":"http/protobuf","endpoint":"x"},)"
                                   R"("runtime":{"profiling":"disabled"},"requestMetrics":{"protocol":"prometheus"}})"},
          {"HOST_IP", "192.168.1.4"},
          {"ROOT_CA", ""},
          {"SYSTEM_NAMESPACE", "knative-serving"},
          {"ENABLE_MULTI_CONTAINER_PROBES", "false"},
          {"SOMETHING_OF_THE_YEAR_2030", "x"}};
}

TEST(ConfigTest, WithoutAnyVariableTheDefaultsAreKnatives) {
  const auto config = read({});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->container_concurrency, 0u);
  EXPECT_EQ(config->addresses.serving_port, 8012);
  EXPECT_EQ(config->addresses.serving_tls_port, 8112);
  EXPECT_EQ(config->addresses.admin_port, 8022);
  EXPECT_EQ(config->addresses.autoscaler_port, 9090);
  EXPECT_EQ(config->addresses.user_metrics_port, 9091);
  EXPECT_EQ(config->addresses.user_port, 8080);
  EXPECT_EQ(config->timeouts.overall, std::chrono::seconds(300));
  EXPECT_EQ(config->drain_quiet, std::chrono::seconds(30));
  EXPECT_THAT(config->readiness, IsEmpty());
  EXPECT_FALSE(config->superpod.on);
  EXPECT_EQ(config->proxy_request_from.kind, Belief::Kind::kLearned);
  EXPECT_EQ(config->kubelet_probe_from.kind, Belief::Kind::kNobody);
  EXPECT_THAT(config->warnings, IsEmpty());
}

TEST(ConfigTest, WhatKnativeWritesIsTakenAndUnknownVariablesAreNotLookedAt) {
  const auto config = read(knativeMain());
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->revision.namespace_name, "default");
  EXPECT_EQ(config->revision.service, "hello");
  EXPECT_EQ(config->revision.revision, "hello-00001");
  EXPECT_EQ(config->revision.pod, "hello-00001-deployment-6d4cb-x");
  EXPECT_EQ(config->revision.pod_ip, "10.244.0.7");
  ASSERT_EQ(config->readiness.size(), 1u);
  EXPECT_TRUE(config->readiness[0].isAggressive());
  EXPECT_EQ(config->observability.request_metrics.protocol, ExportProtocol::kPrometheus);
  EXPECT_EQ(config->observability.tracing.protocol, ExportProtocol::kNone);
  EXPECT_THAT(config->warnings, IsEmpty());
}

TEST(ConfigTest, EachVariableGoesWhereItBelongs) {
  const auto config = read({{"CONTAINER_CONCURRENCY", "7"},
                            {"QUEUE_SERVING_PORT", "8013"},
                            {"QUEUE_SERVING_TLS_PORT", "9112"},
                            {"USER_PORT", "3000"},
                            {"REVISION_TIMEOUT_SECONDS", "11"},
                            {"REVISION_RESPONSE_START_TIMEOUT_SECONDS", "5"},
                            {"REVISION_IDLE_TIMEOUT_SECONDS", "3"},
                            {"SERVING_LOGGING_LEVEL", "debug"},
                            {"WASABI_QP_ADMIN_PORT", "1"},
                            {"WASABI_QP_AUTOSCALER_PORT", "0"},
                            {"WASABI_QP_USER_METRICS_PORT", "3"},
                            {"WASABI_QP_BIND_ADDRESS", "127.0.0.2"},
                            {"WASABI_QP_CERTIFICATE_FILE", "/c"},
                            {"WASABI_QP_KEY_FILE", "/k"},
                            {"WASABI_QP_DRAIN_QUIET", "250ms"},
                            {"SERVING_READINESS_PROBE", R"({"tcpSocket":{}})"}});
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->container_concurrency, 7u);
  EXPECT_EQ(config->addresses.serving_port, 8013);
  EXPECT_EQ(config->addresses.serving_tls_port, 9112);
  EXPECT_EQ(config->addresses.user_port, 3000);
  EXPECT_EQ(config->timeouts.overall, std::chrono::seconds(11));
  EXPECT_EQ(config->timeouts.response_start, std::chrono::seconds(5));
  EXPECT_EQ(config->timeouts.idle, std::chrono::seconds(3));
  EXPECT_EQ(config->log_level, LogLevel::kDebug);
  EXPECT_EQ(config->addresses.admin_port, 1);
  EXPECT_EQ(config->addresses.autoscaler_port, 0);
  EXPECT_EQ(config->addresses.user_metrics_port, 3);
  EXPECT_EQ(config->addresses.bind_address, "127.0.0.2");
  EXPECT_EQ(config->files.certificate, "/c");
  EXPECT_EQ(config->files.key, "/k");
  EXPECT_EQ(config->drain_quiet, std::chrono::milliseconds(250));
  ASSERT_EQ(config->readiness.size(), 1u);
  EXPECT_EQ(config->readiness[0].port, 3000);
  EXPECT_EQ(config->readiness[0].host, "127.0.0.1");
}

TEST(ConfigTest, AMistakeNamesVariableValueAndMend) {
  const std::map<std::string, std::string> cases = {{"CONTAINER_CONCURRENCY", "-1"},
                                                    {"QUEUE_SERVING_PORT", "65536"},
                                                    {"USER_PORT", "0"},
                                                    {"REVISION_TIMEOUT_SECONDS", "5m"},
                                                    {"REVISION_IDLE_TIMEOUT_SECONDS", "99999999999"},
                                                    {"SERVING_LOGGING_LEVEL", "loud"},
                                                    {"SERVING_READINESS_PROBE", "{"},
                                                    {"OBSERVABILITY_CONFIG", "[]"},
                                                    {"QUEUE_PROXY_TLS_MIN_VERSION", "1.1"},
                                                    {"QUEUE_PROXY_TLS_CIPHER_SUITES", "TLS_NULL"},
                                                    {"QUEUE_PROXY_TLS_CURVE_PREFERENCES", "secp"},
                                                    {"WASABI_QP_DRAIN_QUIET", "30"},
                                                    {"WASABI_QP_SUPERPOD", "on"},
                                                    {"WASABI_QP_MEMORY_UNIT", "200"},
                                                    {"WASABI_QP_QUEUE_BOUND", "0"},
                                                    {"WASABI_QP_BOX_ADMIN", "10.0.0.1:8081"},
                                                    {"WASABI_QP_PROXY_REQUEST_FROM", "everybody"},
                                                    {"WASABI_QP_KUBELET_PROBE_FROM", "learned"},
                                                    {"SERVING_NAMESPACE", std::string(254, 'n')}};
  for (const auto& [name, value] : cases) {
    const std::string problem = problemWith({{name, value}});
    EXPECT_THAT(problem, testing::StartsWith(name + "=\"" + value.substr(0, 50))) << name;
    EXPECT_THAT(problem, testing::AnyOf(HasSubstr(": write "), HasSubstr("; write "), HasSubstr("; it is JSON")));
  }
}

TEST(ConfigTest, AllMistakesAreToldAtOnceOnALineEach) {
  const std::string problem =
      problemWith({{"USER_PORT", "x\ny"}, {"CONTAINER_CONCURRENCY", "many"}}, "wasabi.dev/memory-unit=\"1\"\n");
  EXPECT_EQ(std::count(problem.begin(), problem.end(), '\n'), 2);
  EXPECT_THAT(problem, HasSubstr("USER_PORT=\"x\\ny\""));
  EXPECT_THAT(problem, HasSubstr("CONTAINER_CONCURRENCY="));
  EXPECT_THAT(problem, HasSubstr("wasabi.dev/memory-unit=\"1\": write a size with its unit"));
}

TEST(ConfigTest, AnnotationsComeBeforeVariables) {
  const auto config = read({{"WASABI_QP_SUPERPOD", "false"}, {"WASABI_QP_QUEUE_BOUND", "5"}},
                           "kubernetes.io/config.seen=\"2026\"\nwasabi.dev/superpod=\"true\"\n"
                           "wasabi.dev/memory-unit=\"64MiB\"\nwasabi.dev/box-admin=\"127.0.0.1:9000\"\n"
                           "wasabi.dev/proxy-request-from=\"10.0.0.0/8, fd00::1\"\n"
                           "wasabi.dev/kubelet-probe-from=\"any\"\nwasabi.dev/drain-quiet=\"2s\"\n");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_TRUE(config->superpod.on);
  EXPECT_EQ(config->superpod.memory_unit.value, std::uint64_t{64} << 20);
  EXPECT_EQ(config->superpod.box_admin, (BoxAdminAddress{{}, 9000}));
  EXPECT_EQ(config->superpod.queue_bound, 5u);
  EXPECT_EQ(toString(config->proxy_request_from), "10.0.0.0/8,fd00::1/128");
  EXPECT_EQ(config->kubelet_probe_from.kind, Belief::Kind::kEverybody);
  EXPECT_EQ(config->drain_quiet, std::chrono::seconds(2));
}

TEST(ConfigTest, AnAnnotationOfOursThatIsUnknownIsAWarning) {
  const auto config = read({}, "wasabi.dev/superpodd=\"true\"\nother.dev/superpod=\"true\"\n");
  ASSERT_TRUE(config);
  EXPECT_THAT(config->warnings, ElementsAre(HasSubstr("wasabi.dev/superpodd")));
  EXPECT_FALSE(config->superpod.on);
}

TEST(ConfigTest, AnAnnotationThatCannotBeReadIsAnError) {
  EXPECT_THAT(problemWith({}, "wasabi.dev/superpod=true\n"), HasSubstr("annotation wasabi.dev/superpod"));
  EXPECT_THAT(problemWith({}, std::string(kMostAnnotationBytes + 1, 'x')), HasSubstr("annotations"));
}

TEST(ConfigTest, TheVariablesBeforeObservabilityConfigWork) {
  const auto config = read({{"SERVING_ENABLE_REQUEST_LOG", "true"},
                            {"SERVING_ENABLE_PROBE_REQUEST_LOG", "true"},
                            {"SERVING_REQUEST_LOG_TEMPLATE", "{{.Request.Method}}"},
                            {"SERVING_REQUEST_METRICS_BACKEND", "prometheus"},
                            {"SERVING_REQUEST_METRICS_REPORTING_PERIOD_SECONDS", "5"},
                            {"METRICS_COLLECTOR_ADDRESS", ""},
                            {"TRACING_CONFIG_BACKEND", "none"},
                            {"TRACING_CONFIG_ZIPKIN_ENDPOINT", ""},
                            {"TRACING_CONFIG_DEBUG", "false"},
                            {"TRACING_CONFIG_SAMPLE_RATE", "0.100000"},
                            {"ENABLE_PROFILING", "false"}});
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_TRUE(config->observability.request_log);
  EXPECT_TRUE(config->observability.probe_request_log);
  EXPECT_EQ(config->observability.request_log_template, "{{.Request.Method}}");
  EXPECT_EQ(config->observability.request_metrics.protocol, ExportProtocol::kPrometheus);
  EXPECT_THAT(config->warnings, IsEmpty());
}

TEST(ConfigTest, WhatTheOlderOnesAskForAndIsNotDoneIsAWarning) {
  const auto config = read({{"SERVING_REQUEST_METRICS_BACKEND", "opencensus"},
                            {"TRACING_CONFIG_BACKEND", "zipkin"},
                            {"ENABLE_PROFILING", "true"},
                            {"SERVING_ENABLE_REQUEST_LOG", "true"}});
  ASSERT_TRUE(config);
  EXPECT_THAT(config->warnings, ElementsAre(HasSubstr("opencensus"), HasSubstr("zipkin"), HasSubstr("ENABLE_PROFILING"),
                                            HasSubstr("no template")));
  EXPECT_FALSE(config->observability.request_log);
}

TEST(ConfigTest, ObservabilityConfigComesBeforeTheOlderOnes) {
  const auto config =
      read({{"SERVING_REQUEST_LOG_TEMPLATE", "old"}, {"OBSERVABILITY_CONFIG", R"({"requestLogTemplate":"new"})"}});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->observability.request_log_template, "new");
}

TEST(ConfigTest, TlsIsSetByTheNamesThatGoHas) {
  const auto config =
      read({{"QUEUE_PROXY_TLS_MIN_VERSION", "1.2"},
            {"QUEUE_PROXY_TLS_MAX_VERSION", "1.3"},
            {"QUEUE_PROXY_TLS_CIPHER_SUITES",
             "TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"},
            {"QUEUE_PROXY_TLS_CURVE_PREFERENCES", "X25519,CurveP256,X25519MLKEM768"}});
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->tls.min, TlsVersion::kTls12);
  EXPECT_EQ(config->tls.max, TlsVersion::kTls13);
  EXPECT_THAT(config->tls.cipher_suites, ElementsAre("ECDHE-RSA-AES128-GCM-SHA256"));
  EXPECT_THAT(config->tls.curves, ElementsAre("X25519", "P-256"));
  EXPECT_THAT(config->warnings, ElementsAre(HasSubstr("CBC"), HasSubstr("MLKEM")));
}

TEST(ConfigTest, TlsVersionsThatLeaveNoneAreRefused) {
  EXPECT_THAT(problemWith({{"QUEUE_PROXY_TLS_MAX_VERSION", "1.2"}}), HasSubstr("QUEUE_PROXY_TLS_MIN_VERSION"));
}

TEST(ConfigTest, TheBoxIsAskedInsideThePodOnly) {
  EXPECT_EQ(problemWith({{"WASABI_QP_BOX_ADMIN", "unix:/run/box.sock"}}), "");
  EXPECT_THAT(problemWith({{"WASABI_QP_BOX_ADMIN", "10.0.0.1:8081"}}), HasSubstr("write \"127.0.0.1:8081\""));
}

TEST(ConfigTest, WhereTheAnnotationsAreIsKnownBeforeTheyAreRead) {
  EXPECT_EQ(annotationsFile(environmentOf({})), "/etc/podinfo/annotations");
  EXPECT_EQ(annotationsFile(environmentOf({{"WASABI_QP_ANNOTATIONS_FILE", ""}})), "/etc/podinfo/annotations");
  EXPECT_EQ(annotationsFile(environmentOf({{"WASABI_QP_ANNOTATIONS_FILE", "/a"}})), "/a");
}

}  // namespace
}  // namespace wasabi::queueproxy
