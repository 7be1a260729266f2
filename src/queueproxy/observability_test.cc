#include "queueproxy/observability.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wasabi::queueproxy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Outcome {
  Observability told;
  std::vector<std::string> warnings;
  std::string problem;
};

Outcome read(std::string_view json) {
  Outcome outcome;
  const auto done = readObservability(json, outcome.told, outcome.warnings);
  if (!done) outcome.problem = done.error().message();
  return outcome;
}

TEST(ObservabilityTest, ReadsAllOfIt) {
  const Outcome outcome =
      read(R"({"tracing":{"protocol":"http/protobuf","endpoint":"http://otel:4318/v1/traces","samplingRate":0.25},
               "metrics":{"protocol":"none"},"runtime":{"profiling":"enabled","exportInterval":1},
               "requestMetrics":{"protocol":"prometheus","exportInterval":30000000000},
               "enableRequestLog":true,"requestLogTemplate":"{{.Request.Method}}","enableProbeRequestLog":true,
               "EnableVarLogCollection":false,"somethingNew":{}})");
  EXPECT_EQ(outcome.problem, "");
  EXPECT_EQ(outcome.told.tracing.protocol, ExportProtocol::kHttpProtobuf);
  EXPECT_EQ(outcome.told.tracing.endpoint, "http://otel:4318/v1/traces");
  EXPECT_EQ(outcome.told.tracing.sampling_rate, 0.25);
  EXPECT_EQ(outcome.told.request_metrics.protocol, ExportProtocol::kPrometheus);
  EXPECT_EQ(outcome.told.request_metrics.export_interval, std::chrono::seconds(30));
  EXPECT_TRUE(outcome.told.request_log);
  EXPECT_TRUE(outcome.told.probe_request_log);
  EXPECT_EQ(outcome.told.request_log_template, "{{.Request.Method}}");
  EXPECT_THAT(outcome.warnings, IsEmpty());
}

TEST(ObservabilityTest, NothingIsOnByItself) {
  const Outcome outcome = read(R"({"tracing":{},"requestMetrics":null})");
  EXPECT_EQ(outcome.problem, "");
  EXPECT_EQ(outcome.told.tracing.protocol, ExportProtocol::kNone);
  EXPECT_EQ(outcome.told.request_metrics.protocol, ExportProtocol::kNone);
  EXPECT_FALSE(outcome.told.request_log);
}

TEST(ObservabilityTest, BothSpellingsOfMembersAreTaken) {
  const Outcome outcome = read(R"({"tracing":{"protocol":"http/protobuf","endpoint":"x","sampling_rate":1},
                                   "requestMetrics":{"protocol":"prometheus","export_interval":2000000000}})");
  EXPECT_EQ(outcome.told.tracing.sampling_rate, 1);
  EXPECT_EQ(outcome.told.request_metrics.export_interval, std::chrono::seconds(2));
}

TEST(ObservabilityTest, WhatIsNotDoneIsAWarningAndOff) {
  const Outcome grpc = read(R"({"tracing":{"protocol":"grpc","endpoint":"otel:4317"},
                                "requestMetrics":{"protocol":"grpc","endpoint":"otel:4317"}})");
  EXPECT_EQ(grpc.problem, "");
  EXPECT_EQ(grpc.told.tracing.protocol, ExportProtocol::kNone);
  EXPECT_EQ(grpc.told.request_metrics.protocol, ExportProtocol::kNone);
  EXPECT_THAT(grpc.warnings, ElementsAre(HasSubstr("http/protobuf"), HasSubstr("prometheus")));
  EXPECT_THAT(read(R"({"tracing":{"protocol":"stdout"}})").warnings, ElementsAre(HasSubstr("stdout")));
}

TEST(ObservabilityTest, AnIntervalStaysWithinReason) {
  EXPECT_EQ(read(R"({"requestMetrics":{"exportInterval":0}})").told.request_metrics.export_interval,
            std::chrono::seconds(60));
  EXPECT_EQ(read(R"({"requestMetrics":{"exportInterval":1}})").told.request_metrics.export_interval,
            std::chrono::seconds(1));
  EXPECT_EQ(read(R"({"requestMetrics":{"exportInterval":900000000000000000}})").told.request_metrics.export_interval,
            std::chrono::hours(1));
}

TEST(ObservabilityTest, MistakesAreNamedWithTheirPlace) {
  EXPECT_THAT(read("").problem, HasSubstr("no JSON object"));
  EXPECT_THAT(read("7").problem, HasSubstr("no JSON object"));
  EXPECT_THAT(read(std::string(50'000, '[')).problem, HasSubstr("no JSON object"));
  EXPECT_THAT(read(R"({"tracing":1})").problem, HasSubstr("tracing: it is no object"));
  EXPECT_THAT(read(R"({"tracing":{"protocol":"smoke"}})").problem, HasSubstr("tracing: there is no protocol 'smoke'"));
  EXPECT_THAT(read(R"({"tracing":{"protocol":"prometheus"}})").problem, HasSubstr("tracing: "));
  EXPECT_THAT(read(R"({"tracing":{"protocol":"http/protobuf"}})").problem, HasSubstr("tracing: endpoint is missing"));
  EXPECT_THAT(read(R"({"tracing":{"samplingRate":1.5}})").problem, HasSubstr("tracing: samplingRate"));
  EXPECT_THAT(read(R"({"tracing":{"samplingRate":"x"}})").problem, HasSubstr("tracing: samplingRate"));
  EXPECT_THAT(read(R"({"requestMetrics":{"exportInterval":-1}})").problem, HasSubstr("requestMetrics: exportInterval"));
  EXPECT_THAT(read(R"({"requestMetrics":{"protocol":[]}})").problem, HasSubstr("requestMetrics: protocol"));
  EXPECT_THAT(read(R"({"enableRequestLog":"yes"})").problem, HasSubstr("enableRequestLog"));
  EXPECT_THAT(read(R"({"requestLogTemplate":{}})").problem, HasSubstr("requestLogTemplate"));
}

}  // namespace
}  // namespace wasabi::queueproxy
