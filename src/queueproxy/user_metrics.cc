#include "queueproxy/user_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/utf8.h"

namespace wasabi::queueproxy {
namespace {

constexpr std::string_view kTagField = "knative-serving-tag";
constexpr std::string_view kDefaultRouteField = "knative-serving-default-route";
constexpr std::string_view kOther = "other";
constexpr std::size_t kMostTagBytes = 63;  // of a name in Kubernetes, as tags are

// As OpenTelemetry has it: other methods are one, so that clients do not make series.
std::string_view methodLabel(std::string_view method) {
  constexpr std::array<std::string_view, 9> kKnown = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                                      "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  return std::find(kKnown.begin(), kKnown.end(), method) != kKnown.end() ? method : "_OTHER";
}

std::string labelValue(std::string_view text) {
  if (!isUtf8(text)) return std::string(kOther);
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string revisionLabels(const RevisionIdentity& revision) {
  std::string labels;
  const std::pair<std::string_view, const std::string&> all[] = {{"k8s_namespace_name", revision.namespace_name},
                                                                 {"k8s_pod_name", revision.pod},
                                                                 {"kn_service_name", revision.service},
                                                                 {"kn_configuration_name", revision.configuration},
                                                                 {"kn_revision_name", revision.revision}};
  for (const auto& [name, value] : all) {
    if (value.empty()) continue;
    fmt::format_to(std::back_inserter(labels), "{}{}=\"{}\"", labels.empty() ? "" : ",", name, labelValue(value));
  }
  return labels;
}

void appendFamily(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  fmt::format_to(std::back_inserter(out), "# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
}

void appendHistogram(std::string& out, std::string_view name, const std::string& labels,
                     const InvocationHistogram& histogram) {
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < InvocationHistogram::kBoundsSeconds.size(); ++i) {
    seen += histogram.buckets()[i];
    fmt::format_to(std::back_inserter(out), "{}_bucket{{{}le=\"{}\"}} {}\n", name, labels.empty() ? "" : labels + ",",
                   InvocationHistogram::kBoundsSeconds[i], seen);
  }
  seen += histogram.buckets().back();
  fmt::format_to(std::back_inserter(out), "{}_bucket{{{}le=\"+Inf\"}} {}\n", name, labels.empty() ? "" : labels + ",",
                 seen);
  fmt::format_to(std::back_inserter(out), "{}_sum{{{}}} {}\n", name, labels, toSeconds(histogram.sum()));
  fmt::format_to(std::back_inserter(out), "{}_count{{{}}} {}\n", name, labels, seen);
}

std::string joined(const std::string& labels, const std::string& more) {
  return labels.empty() ? more : labels + "," + more;
}

}  // namespace

std::string_view routeTagOf(const http::Fields& headers) {
  const std::string_view tag = headers.find(kTagField).value_or(std::string_view());
  const std::string_view is_default = headers.find(kDefaultRouteField).value_or(std::string_view());
  if (tag.empty()) return is_default.empty() ? "DISABLED" : "DEFAULT";
  // The tag came by a header of the client's, and names no route of the service.
  if (is_default == "true") return "UNDEFINED";
  return tag;
}

void InvocationHistogram::record(Duration value) {
  const double seconds = toSeconds(value);
  const auto* const found = std::lower_bound(kBoundsSeconds.begin(), kBoundsSeconds.end(), seconds);
  ++buckets_[static_cast<std::size_t>(found - kBoundsSeconds.begin())];
  sum_ += value;
}

void InvocationHistogram::merge(const InvocationHistogram& other) {
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  sum_ += other.sum_;
}

UserMetrics::Series& UserMetrics::seriesOf(Key key) {
  if (const auto found = series_.find(key); found != series_.end()) return found->second;
  if (series_.size() >= kMostSeries) key = {std::string(kOther), std::string(kOther), 0};
  return series_[std::move(key)];
}

void UserMetrics::record(const Request& request) {
  const std::string_view tag = request.route_tag.size() <= kMostTagBytes ? request.route_tag : kOther;
  Series& series = seriesOf({std::string(methodLabel(request.method)), std::string(tag), request.status});
  series.whole.record(request.whole);
  if (!request.application) return;
  series.application.record(*request.application);
  ++series.asked;
}

std::string UserMetrics::prometheusText(const RevisionIdentity& revision, std::optional<std::uint64_t> queued) const {
  const std::string labels = revisionLabels(revision);
  std::string out;
  if (queued) {
    appendFamily(out, "kn_serving_queue_depth", "gauge", "Requests in the queue-proxy's queue, running ones included");
    fmt::format_to(std::back_inserter(out), "kn_serving_queue_depth{{{}}} {}\n", labels, *queued);
  }
  std::map<std::uint16_t, InvocationHistogram> by_status;
  for (const auto& [key, series] : series_) {
    if (series.asked > 0) by_status[key.status].merge(series.application);
  }
  appendFamily(out, "kn_serving_invocation_duration_seconds", "histogram", "Duration of the application's work");
  for (const auto& [status, histogram] : by_status) {
    appendHistogram(out, "kn_serving_invocation_duration_seconds",
                    joined(labels, fmt::format("http_response_status_code=\"{}\"", status)), histogram);
  }
  const auto append_all = [&](std::string_view name, std::string_view help, auto histogram_of) {
    appendFamily(out, name, "histogram", help);
    for (const auto& [key, series] : series_) {
      const InvocationHistogram* histogram = histogram_of(series);
      if (histogram == nullptr) continue;
      const std::string more =
          fmt::format("http_request_method=\"{}\",http_response_status_code=\"{}\",kn_route_tag=\"{}\"", key.method,
                      key.status, labelValue(key.route_tag));
      appendHistogram(out, name, joined(labels, more), *histogram);
    }
  };
  append_all("http_server_request_duration_seconds", "Duration of requests to the pod",
             [](const Series& series) { return &series.whole; });
  append_all("http_client_request_duration_seconds", "Duration of requests to the application",
             [](const Series& series) { return series.asked > 0 ? &series.application : nullptr; });
  return out;
}

}  // namespace wasabi::queueproxy
