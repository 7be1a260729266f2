#include "policy/superpod_sizing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "policy/memory_reserve.h"

namespace wasabi::policy {
namespace {

using namespace std::chrono_literals;
using namespace literals;

constexpr ByteSize kUsualUnit = 200_MiB;
constexpr ByteSize kSmallestUnit = 1_MiB;
constexpr double kUsualFill = 0.7;  // of the capacity, beyond which a pod is added
constexpr double kFewestUnits = 5;  // in a pod: with fewer, one request is a large part of the target
constexpr double kMostUnits = 500;  // where Knative expects requests, more than some hundred a pod are unusual
constexpr double kLeastTarget = 0.01;
constexpr std::uint32_t kMostQueueBound = 20'000;
constexpr ByteSize kSmallestPod = 192_MiB;

double inUnits(ByteSize size, ByteSize unit) {
  return static_cast<double>(size.value) / static_cast<double>(unit.value);
}

// As Knative reads it: decimal, without an exponent.
std::string decimal(double value) {
  std::string text = fmt::format("{:.3f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::string seconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

class Sizer {
 public:
  explicit Sizer(const SuperpodWishes& wishes) : wishes_(wishes) {}

  SizedSuperpod run() {
    checkNumbers();
    if (!problems_.empty()) return {{}, std::move(problems_)};
    out_.capacity = bookableOf(wishes_.pod_memory);
    chooseUnit();
    chooseTarget();
    chooseConcurrency();
    chooseBurst();
    chooseTimeout();
    checkWindows();
    checkScale();
    if (!problems_.empty()) return {{}, std::move(problems_)};
    explain();
    return {std::move(out_), {}};
  }

 private:
  void problem(std::string text) { problems_.push_back(std::move(text)); }

  // Knative itself takes infinities and what is no number, and the scale is nonsense from then on.
  bool isPositive(std::string_view name, double value) {
    if (std::isfinite(value) && value > 0) return true;
    problem(fmt::format("{} is {}; it must be a number above 0", name, value));
    return false;
  }

  void checkNumbers() {
    isPositive("the pod's cpu", wishes_.pod_cpu.value);
    if (wishes_.target) isPositive("target", *wishes_.target);
    isPositive("target utilization", wishes_.target_utilization_percent);
    isPositive("panic window", wishes_.panic_window_percent);
    isPositive("panic threshold", wishes_.panic_threshold_percent);
    if (wishes_.target_burst_capacity && !std::isfinite(*wishes_.target_burst_capacity)) {
      problem(fmt::format("target burst capacity is {}; it must be a number", *wishes_.target_burst_capacity));
    }
    if (wishes_.pod_memory < kSmallestPod) {
      problem(fmt::format("the pod has {} of memory; a superpod needs {} at least", toString(wishes_.pod_memory),
                          toString(kSmallestPod)));
    }
    if (wishes_.smallest_request == ByteSize{}) problem("the smallest request needs 0 bytes; say what it really needs");
    if (wishes_.unit && *wishes_.unit < kSmallestUnit) {
      problem(fmt::format("the memory unit is {}; {} at least, or the counts exceed what Knative computes with",
                          toString(*wishes_.unit), toString(kSmallestUnit)));
    }
  }

  void chooseUnit() {
    const ByteSize smallest = wishes_.smallest_request;
    if (smallest > out_.capacity) {
      problem(fmt::format("a request of {} does not fit into a pod that can book {}: a larger pod", toString(smallest),
                          toString(out_.capacity)));
    }
    out_.unit = wishes_.unit.value_or(kUsualUnit);
    if (!wishes_.unit) {
      if (inUnits(out_.capacity, out_.unit) < kFewestUnits) out_.unit = wholeMiB(out_.capacity, kFewestUnits);
      if (inUnits(out_.capacity, out_.unit) > kMostUnits) out_.unit = wholeMiB(out_.capacity, kMostUnits);
      out_.unit = std::max(out_.unit, smallest);
    } else if (out_.unit < smallest) {
      problem(
          fmt::format("the memory unit, {}, is smaller than the smallest request, {}: containerConcurrency, which "
                      "counts requests, would then have to be below the target, which counts units, and Knative "
                      "takes the smaller of the two; a unit of {} or more",
                      toString(out_.unit), toString(smallest), toString(smallest)));
    }
    out_.capacity_units = inUnits(out_.capacity, out_.unit);
  }

  static ByteSize wholeMiB(ByteSize size, double parts) {
    const double part = static_cast<double>(size.value) / parts / static_cast<double>((1_MiB).value);
    return {std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::floor(part))) * (1_MiB).value};
  }

  void chooseTarget() {
    // In tenths, and not one less because 4.9 has no exact double.
    const double usual = std::floor(out_.capacity_units * kUsualFill * 10 + 1e-6) / 10;
    out_.target = wishes_.target.value_or(std::max(kLeastTarget, usual));
    if (out_.target < kLeastTarget) problem(fmt::format("target is {}; Knative takes 0.01 and more", out_.target));
    if (out_.target > out_.capacity_units) {
      problem(
          fmt::format("target is {} units, and a pod holds {}: memory would be full, and requests would wait, before "
                      "a pod is added; {} or less",
                      decimal(out_.target), decimal(out_.capacity_units), decimal(out_.capacity_units)));
    }
    if (wishes_.target_utilization_percent != 100) {
      problem(
          fmt::format("target utilization is {} %: the target would be that part of {} units; write 100, and a "
                      "smaller target where that is wanted",
                      decimal(wishes_.target_utilization_percent), decimal(out_.target)));
    }
  }

  void chooseConcurrency() {
    const double fitting = std::ceil(inUnits(out_.capacity, wishes_.smallest_request));
    const double needed = std::max(fitting, std::ceil(out_.target));
    out_.queue_bound = static_cast<std::uint32_t>(std::min(2 * needed, double{kMostQueueBound}));
    if (!wishes_.container_concurrency) {
      out_.container_concurrency = needed <= kMostContainerConcurrency ? static_cast<std::uint32_t>(needed) : 0;
      return;
    }
    out_.container_concurrency = *wishes_.container_concurrency;
    if (out_.container_concurrency == 0) return;
    if (out_.container_concurrency > kMostContainerConcurrency) {
      problem(
          fmt::format("containerConcurrency is {}; Knative takes {} at most. Write 0: then the bounded queue of the "
                      "queue-proxy holds",
                      out_.container_concurrency, kMostContainerConcurrency));
    }
    if (out_.container_concurrency < out_.target) {
      problem(
          fmt::format("containerConcurrency is {} and target {}: Knative scales by the smaller of the two, so by "
                      "requests and not by memory; {} or more, or 0",
                      out_.container_concurrency, decimal(out_.target), std::ceil(needed)));
    } else if (out_.container_concurrency < fitting) {
      problem(
          fmt::format("containerConcurrency is {}, and memory is there for {} requests of {}: it would bind before "
                      "memory does; {} or more, or 0",
                      out_.container_concurrency, fitting, toString(wishes_.smallest_request), std::ceil(needed)));
    }
  }

  void chooseBurst() {
    out_.target_burst_capacity = wishes_.target_burst_capacity.value_or(0);
    if (out_.target_burst_capacity < 0) {
      problem(
          fmt::format("target burst capacity is {}: with -1 Knative reads no figures from pods, and the superpods "
                      "never scale; 0, or a few units",
                      decimal(out_.target_burst_capacity)));
    } else if (out_.target_burst_capacity > out_.target) {
      problem(
          fmt::format("target burst capacity is {} units, more than one pod's target of {}: the activator would stay "
                      "in the way of all requests; 0, or a few units",
                      decimal(out_.target_burst_capacity), decimal(out_.target)));
    }
  }

  void chooseTimeout() {
    out_.timeout = wishes_.timeout.value_or(std::max(kShortestRevisionTimeout * 2, wishes_.longest_function + 30s));
    if (out_.timeout % 1s != Duration::zero()) problem("the timeout is no whole number of seconds");
    if (out_.timeout < kShortestRevisionTimeout) {
      problem(
          fmt::format("the timeout is {}: Kubernetes kills a pod so long after it was asked to end, and the "
                      "queue-proxy serves until 30 s have passed without a request; 30s or more",
                      toString(out_.timeout)));
    }
    if (out_.timeout < wishes_.longest_function) {
      problem(fmt::format("the timeout is {}, and a function may take {}: the queue-proxy would cut it off; {} or more",
                          toString(out_.timeout), toString(wishes_.longest_function),
                          toString(wishes_.longest_function)));
    }
    if (out_.timeout > kLongestRevisionTimeout) {
      problem(
          fmt::format("the timeout is {}; Knative takes {} at most, unless max-revision-timeout-seconds of "
                      "config-defaults says more. Shorter timeouts of functions, or name one by hand",
                      toString(out_.timeout), toString(kLongestRevisionTimeout)));
    }
  }

  void checkWindows() {
    if (wishes_.window < 6s || wishes_.window > 1h || wishes_.window % 1s != Duration::zero()) {
      problem(fmt::format("the window is {}; Knative takes whole seconds from 6s to 1h", toString(wishes_.window)));
    }
    if (wishes_.panic_window_percent < 1 || wishes_.panic_window_percent > 100) {
      problem(fmt::format("the panic window is {} %; Knative takes 1 to 100", decimal(wishes_.panic_window_percent)));
    }
    if (wishes_.panic_threshold_percent < 110 || wishes_.panic_threshold_percent > 1'000) {
      problem(fmt::format("the panic threshold is {} %; Knative takes 110 to 1000",
                          decimal(wishes_.panic_threshold_percent)));
    }
  }

  void checkScale() {
    if (wishes_.max_scale != 0 && wishes_.min_scale > wishes_.max_scale) {
      problem(fmt::format("at least {} pods and at most {}", wishes_.min_scale, wishes_.max_scale));
    }
    if (wishes_.initial_scale == 0) {
      problem("initially 0 pods: Knative takes that only with allow-zero-initial-scale in config-autoscaler; 1");
    }
  }

  void annotation(std::string name, std::string value, std::string why) {
    out_.annotations.push_back({std::move(name), std::move(value), std::move(why)});
  }

  void explain() {
    const std::string knative = "autoscaling.knative.dev/";
    const std::string ours = "wasabi.dev/";
    annotation(knative + "class", "kpa.autoscaling.knative.dev", "Knative's own autoscaler, unchanged");
    annotation(knative + "metric", "concurrency",
               "the figure in which the queue-proxy tells units of memory, those of waiting requests too");
    annotation(knative + "target", decimal(out_.target),
               fmt::format("units of {} that a pod is to carry: {:.0f} % of the {} that it can book ({} of its {}; the "
                           "rest is for the process itself)",
                           toString(out_.unit), 100 * out_.target / out_.capacity_units, decimal(out_.capacity_units),
                           toString(out_.capacity), toString(wishes_.pod_memory)));
    annotation(knative + "target-utilization-percentage", "100", "without it the target would be 70 % of that");
    annotation(knative + "target-burst-capacity", decimal(out_.target_burst_capacity),
               "units that are to be free without the activator in front; never -1: then pods are not asked at all");
    annotation(knative + "window", seconds(wishes_.window) + "s", "over which demand is averaged");
    annotation(knative + "panic-window-percentage", decimal(wishes_.panic_window_percent), "of the window, for bursts");
    annotation(knative + "panic-threshold-percentage", decimal(wishes_.panic_threshold_percent),
               "of what the pods are to carry, from which a burst is one");
    annotation(knative + "min-scale", std::to_string(wishes_.min_scale),
               wishes_.min_scale == 0 ? "to none, when nobody calls" : "kept in any case");
    if (wishes_.max_scale != 0) {
      annotation(knative + "max-scale", std::to_string(wishes_.max_scale), "no more, whatever is asked for");
    }
    annotation(knative + "initial-scale", std::to_string(wishes_.initial_scale), "before the first figures");
    annotation(ours + "superpod", "true", "to the queue-proxy: a box is behind it, so tell memory and not requests");
    annotation(ours + "memory-unit", toString(out_.unit),
               "one unit; the queue-proxy cannot read Knative's own annotations, so it is told by ours");
    annotation(ours + "box-admin", "127.0.0.1:8081", "where the box tells its load: inside the pod only");
    if (out_.container_concurrency == 0) {
      annotation(
          ours + "queue-bound", std::to_string(out_.queue_bound),
          "requests in a pod at once, running and waiting: twice what memory is there for. More are told to come "
          "again, so that a cold burst does not wait at the first pod for ever");
    }
    explainFields();
  }

  void explainFields() {
    const std::string fitting =
        fmt::format("memory is there for {:.0f} requests of {} at once",
                    std::ceil(inUnits(out_.capacity, wishes_.smallest_request)), toString(wishes_.smallest_request));
    out_.fields.push_back(
        {"containerConcurrency", std::to_string(out_.container_concurrency),
         out_.container_concurrency == 0
             ? fitting + ", and Knative counts no more than 1000: no bound here, the queue-bound holds"
             : fitting + "; it spreads cold bursts over the pods and does not bind before memory does"});
    out_.fields.push_back({"timeoutSeconds", seconds(out_.timeout),
                           fmt::format("the longest function may take {}; Kubernetes gives a pod as long to end",
                                       toString(wishes_.longest_function))});
  }

  const SuperpodWishes& wishes_;
  SuperpodSizing out_;
  std::vector<std::string> problems_;
};

}  // namespace

SizedSuperpod sizeSuperpod(const SuperpodWishes& wishes) {
  return Sizer(wishes).run();
}

}  // namespace wasabi::policy
