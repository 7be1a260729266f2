// What users' dashboards are told of requests (port 9091, Prometheus' text format), under the names that
// OpenTelemetry's exporter gives the stock queue-proxy's instruments.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"
#include "http/message.h"
#include "queueproxy/config.h"

namespace wasabi::queueproxy {

// The route that a request came by (Knative-Serving-Tag, Knative-Serving-Default-Route): its tag, DEFAULT, UNDEFINED or
// DISABLED.
std::string_view routeTagOf(const http::Fields& headers);

class InvocationHistogram {
 public:
  static constexpr std::array<double, 14> kBoundsSeconds = {0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
                                                            0.5,   0.75, 1,     2.5,  5,     7.5, 10};
  void record(Duration value);
  void merge(const InvocationHistogram& other);

  // Not cumulative; the last one holds what is beyond all bounds.
  const std::array<std::uint64_t, kBoundsSeconds.size() + 1>& buckets() const { return buckets_; }
  Duration sum() const { return sum_; }

 private:
  std::array<std::uint64_t, kBoundsSeconds.size() + 1> buckets_{};
  Duration sum_{};
};

// Not thread-safe.
class UserMetrics {
 public:
  // Label values come from clients. What would be one series more goes to that of the tag "other".
  static constexpr std::size_t kMostSeries = 500;

  struct Request {
    std::string_view method;
    std::string_view route_tag;
    std::uint16_t status = 0;
    Duration whole{};                       // as the client waited
    std::optional<Duration> application{};  // from the breaker on; none if the application was not asked
  };
  // Of a request that is over, and no probe.
  void record(const Request& request);

  // `queued`: requests in the breaker, running and waiting; none without a breaker.
  std::string prometheusText(const RevisionIdentity& revision, std::optional<std::uint64_t> queued) const;

 private:
  struct Key {
    std::string method;
    std::string route_tag;
    std::uint16_t status = 0;
    auto operator<=>(const Key&) const = default;
  };
  struct Series {
    InvocationHistogram whole;
    InvocationHistogram application;
    std::uint64_t asked = 0;  // of `application`
  };
  Series& seriesOf(Key key);

  std::map<Key, Series> series_;
};

}  // namespace wasabi::queueproxy
