#include "queueproxy/user_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wasabi::queueproxy {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

std::string_view tagOf(std::initializer_list<std::pair<std::string_view, std::string_view>> pairs) {
  static http::Fields fields;
  fields.clear();
  for (const auto& [name, value] : pairs) fields.add(name, value);
  return routeTagOf(fields);
}

TEST(RouteTagTest, AsKnativeNamesThem) {
  EXPECT_EQ(tagOf({}), "DISABLED");
  EXPECT_EQ(tagOf({{"Knative-Serving-Default-Route", "true"}}), "DEFAULT");
  EXPECT_EQ(tagOf({{"Knative-Serving-Tag", "blue"}, {"Knative-Serving-Default-Route", "false"}}), "blue");
  EXPECT_EQ(tagOf({{"Knative-Serving-Tag", "blue"}}), "blue");
  EXPECT_EQ(tagOf({{"Knative-Serving-Tag", "lie"}, {"Knative-Serving-Default-Route", "true"}}), "UNDEFINED");
}

TEST(UserMetricsTest, EachRequestIsInItsSeries) {
  UserMetrics metrics;
  metrics.record({"GET", "DEFAULT", 200, milliseconds(30), milliseconds(20)});
  metrics.record({"GET", "DEFAULT", 200, milliseconds(60), milliseconds(50)});
  metrics.record({"BREW", "blue", 504, milliseconds(20'000), std::nullopt});
  const std::string text = metrics.prometheusText({"ns", "svc", "cfg", "rev", "pod", "1.2.3.4"}, 7);
  const std::string whose =
      "k8s_namespace_name=\"ns\",k8s_pod_name=\"pod\",kn_service_name=\"svc\",kn_configuration_name=\"cfg\","
      "kn_revision_name=\"rev\"";
  EXPECT_THAT(text, HasSubstr("kn_serving_queue_depth{" + whose + "} 7\n"));
  const std::string ok = whose + ",http_response_status_code=\"200\"";
  EXPECT_THAT(text, HasSubstr("kn_serving_invocation_duration_seconds_bucket{" + ok + ",le=\"0.01\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("kn_serving_invocation_duration_seconds_bucket{" + ok + ",le=\"0.025\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("kn_serving_invocation_duration_seconds_bucket{" + ok + ",le=\"0.05\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("kn_serving_invocation_duration_seconds_bucket{" + ok + ",le=\"+Inf\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("kn_serving_invocation_duration_seconds_count{" + ok + "} 2\n"));
  EXPECT_THAT(text, HasSubstr("kn_serving_invocation_duration_seconds_sum{" + ok + "} 0.07\n"));
  const std::string brew = "http_request_method=\"_OTHER\",http_response_status_code=\"504\",kn_route_tag=\"blue\"";
  EXPECT_THAT(text, HasSubstr("http_server_request_duration_seconds_bucket{" + whose + "," + brew + ",le=\"10\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("http_server_request_duration_seconds_count{" + whose + "," + brew + "} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("http_client_request_duration_seconds_count{" + whose + "," + brew)))
      << "the application was not asked";
}

TEST(UserMetricsTest, WithoutABreakerThereIsNoDepth) {
  EXPECT_THAT(UserMetrics().prometheusText({}, std::nullopt), Not(HasSubstr("queue_depth")));
}

TEST(UserMetricsTest, ClientsCannotMakeSeriesWithoutEnd) {
  UserMetrics metrics;
  for (int i = 0; i < 2000; ++i) metrics.record({"GET", "t" + std::to_string(i), 200, milliseconds(1), std::nullopt});
  metrics.record({"GET", std::string(1000, 'x'), 200, milliseconds(1), std::nullopt});
  const std::string text = metrics.prometheusText({}, std::nullopt);
  std::size_t series = 0;
  for (std::size_t at = 0; (at = text.find("http_server_request_duration_seconds_count{", at)) != std::string::npos;
       ++at) {
    ++series;
  }
  EXPECT_EQ(series, UserMetrics::kMostSeries + 1);
  EXPECT_THAT(text, HasSubstr("http_server_request_duration_seconds_count{http_request_method=\"other\","
                              "http_response_status_code=\"0\",kn_route_tag=\"other\"} 1501\n"));
}

TEST(UserMetricsTest, ThoseOfOneStatusAddUp) {
  UserMetrics metrics;
  metrics.record({"GET", "DEFAULT", 200, milliseconds(1), milliseconds(1)});
  metrics.record({"POST", "DEFAULT", 200, milliseconds(1), milliseconds(1)});
  metrics.record({"GET", "DEFAULT", 500, milliseconds(1), milliseconds(1)});
  const std::string text = metrics.prometheusText({}, std::nullopt);
  EXPECT_THAT(text, HasSubstr("kn_serving_invocation_duration_seconds_count{http_response_status_code=\"200\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("kn_serving_invocation_duration_seconds_count{http_response_status_code=\"500\"} 1\n"));
}

TEST(UserMetricsTest, LabelsAreEscaped) {
  UserMetrics metrics;
  metrics.record({"GET", "a\"b\\c", 200, milliseconds(1), std::nullopt});
  metrics.record({"GET", "\xff", 200, milliseconds(1), std::nullopt});
  const std::string text = metrics.prometheusText({}, std::nullopt);
  EXPECT_THAT(text, HasSubstr("kn_route_tag=\"a\\\"b\\\\c\""));
  EXPECT_THAT(text, HasSubstr("kn_route_tag=\"other\""));
}

}  // namespace
}  // namespace wasabi::queueproxy
