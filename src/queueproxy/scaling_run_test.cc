// The whole way of the figures: boxes that book memory, queue-proxies that read and encode them, a scraper that samples
// pods as Knative's does, the activator's own count, and the KPA that decides.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "policy/autoscaler.h"
#include "policy/scale_control.h"
#include "queueproxy/request_statistics.h"
#include "queueproxy/stat_encoding.h"
#include "queueproxy/superpod_demand.h"
#include "queueproxy/test_stat.h"

namespace wasabi::queueproxy {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

const TimePoint kStart{seconds(10'000)};
constexpr double kCapacity = 65;  // units of a box: 13,000 MiB
constexpr double kTarget = 45.5;  // 9,100
constexpr double kBurst = 5;

using Changes = std::vector<std::pair<int, std::uint32_t>>;  // second, replicas from then on

// A superpod with its queue-proxy; every request books one unit.
class Pod {
 public:
  explicit Pod(TimePoint now) : statistics_(now), born_(now) {
    reading_.ready = true;
    reading_.capacity_memory = {std::uint64_t{13'000} << 20};
    reading_.capacity_cpu = 8;
    demand_.answered(reading_, now);
  }

  // For the second that begins now, this many units are wanted, by requests that came by the activator or not.
  void serve(std::uint64_t wanted, RequestStatistics::From from, TimePoint now) {
    for (; open_ > 0; --open_) statistics_.ended(from_, now);
    from_ = from;
    for (; open_ < wanted; ++open_) statistics_.began(from_, now);
    reading_.booked_units = std::min(kCapacity, static_cast<double>(wanted));
    reading_.waiting_units = static_cast<double>(wanted) - reading_.booked_units;
  }
  // The second is over.
  std::string scraped(TimePoint now) {
    reading_.booked_unit_seconds += reading_.booked_units;
    reading_.waiting_unit_seconds += reading_.waiting_units;
    reading_.cpu_seconds += 0.1;
    demand_.answered(reading_, now);
    return encodeStat(superpodStatOf("pod", *demand_.units(now), statistics_.endPeriod(now), now - born_));
  }

 private:
  BoxReading reading_;
  SuperpodDemand demand_{{std::uint64_t{200} << 20}};
  RequestStatistics statistics_;
  TimePoint born_;
  RequestStatistics::From from_ = RequestStatistics::From::kClient;
  std::uint64_t open_ = 0;
};

// How many of so many pods are asked.
std::size_t sampleOf(std::size_t pods) {
  const auto n = static_cast<double>(pods);
  return pods <= 3 ? pods : static_cast<std::size_t>(std::ceil(15.3664 * n / (n + 14.3664)));
}

class Cluster {
 public:
  explicit Cluster(bool by_activator) : from_(by_activator ? kProxied : RequestStatistics::From::kClient) {}

  // One second, with so many units wanted throughout; what the collector records at its end.
  double second(std::uint32_t ready, std::uint64_t wanted, TimePoint begin) {
    while (pods_.size() < ready) pods_.emplace_back(begin);
    pods_.erase(pods_.begin() + static_cast<std::ptrdiff_t>(ready), pods_.end());
    for (std::size_t i = 0; i < pods_.size(); ++i) {
      pods_[i].serve(wanted / ready + (i < wanted % ready ? 1 : 0), from_, begin);
    }
    const std::size_t sample = sampleOf(pods_.size());
    double sum = 0;
    for (std::size_t i = 0; i < pods_.size(); ++i) {
      const std::string text = pods_[i].scraped(begin + seconds(1));
      EXPECT_LE(text.size(), kMostStatBytes);
      DecodedStat stat = decodedStat(text);
      EXPECT_TRUE(stat.ok);
      if (i < sample) sum += stat.figures[2] - stat.figures[3];
    }
    const double of_pods = sum * static_cast<double>(pods_.size()) / static_cast<double>(sample);
    return of_pods + (from_ == kProxied ? static_cast<double>(wanted) : 0);
  }

 private:
  static constexpr auto kProxied = RequestStatistics::From::kActivator;
  const RequestStatistics::From from_;
  std::vector<Pod> pods_;
};

// As AutoscalerRunTest: decisions each 2 s, a superpod is ready for the second one after it was ordered.
Changes run(bool by_activator, const std::map<int, std::uint64_t>& steps, int until) {
  policy::Autoscaler::Settings settings;
  settings.target = settings.total = kTarget;
  settings.target_burst_capacity = kBurst;
  policy::Autoscaler scaler(settings, 1, kStart);
  policy::ScaleControl control({}, {policy::ScaleControl::Activity::kActive, kStart, true});
  Cluster cluster(by_activator);
  Changes seen{{0, 1}};
  std::uint32_t ordered = 1;
  std::uint32_t starting = 1;
  std::uint32_t ready = 1;
  std::uint64_t wanted = 0;
  for (int second = 0; second < until; ++second) {
    const TimePoint begin = kStart + seconds(second - 1);
    if (second > 0) scaler.record(kStart + seconds(second), cluster.second(std::max(1u, ready), wanted, begin));
    if (const auto step = steps.find(second); step != steps.end()) wanted = step->second;
    if (second % 2 != 1) continue;
    const TimePoint now = kStart + seconds(second + 1) + microseconds(50 * second);
    ready = std::min(starting, ordered);
    starting = ordered;
    const auto next = control.apply(scaler.decide(ready, now), ready, {}, now);
    if (next.replicas) ordered = *next.replicas;
    ready = std::min(ready, ordered);
    if (ordered != seen.back().second) seen.emplace_back(second + 1, ordered);
  }
  return seen;
}

// 60,000 MB at once in units of 200, whether or not the activator stands in the way and counts, too.
TEST(ScalingRunTest, AFloodOfMemoryTakesOneTwoFiveSevenSuperpods) {
  const Changes wanted{{0, 1}, {24, 2}, {26, 5}, {28, 7}, {88, 4}, {92, 3}, {104, 2}, {146, 1}};
  for (const bool by_activator : {false, true}) {
    EXPECT_EQ(run(by_activator, {{10, 25}, {22, 300}, {50, 60}, {130, 0}}, 180), wanted) << by_activator;
  }
}

}  // namespace
}  // namespace wasabi::queueproxy
