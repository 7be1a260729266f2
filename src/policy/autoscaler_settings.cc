// Which settings an Autoscaler takes: Knative's ranges (pkg/apis/autoscaling, annotation_validation.go).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "policy/autoscaler.h"

namespace wasabi::policy {
namespace {

struct Range {
  std::string_view name;
  double value;
  double least;
  double most;
};

// NaN is within no range.
Result<void> check(const Range& range) {
  if (range.value >= range.least && range.value <= range.most) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("{} is {}: it must be from {} to {}", range.name, range.value, range.least, range.most));
}

Result<void> checkWholeSeconds(std::string_view name, Duration value) {
  if (value % std::chrono::seconds(1) == Duration::zero()) return {};
  return fail(ErrorCode::kInvalid, fmt::format("{} is {}: it must be whole seconds", name, wasabi::toString(value)));
}

}  // namespace

Result<void> Autoscaler::check(const Settings& settings) {
  constexpr double kLongest = 3600;
  const std::array ranges{
      Range{"target", settings.target, 0.01, MetricWindow::kMostValue},
      Range{"total", settings.total, settings.target, MetricWindow::kMostValue},
      Range{"target_burst_capacity", settings.target_burst_capacity.value_or(0), 0, MetricWindow::kMostValue},
      Range{"stable_window in seconds", toSeconds(settings.stable_window), 6, kLongest},
      Range{"panic_window_percentage", settings.panic_window_percentage, 1, 100},
      Range{"panic_threshold", settings.panic_threshold, 1.1, 10},
      Range{"max_scale_up_rate", settings.max_scale_up_rate, 1.01, kMostReplicas},
      Range{"max_scale_down_rate", settings.max_scale_down_rate, 1.01, kMostReplicas},
      Range{"activation_scale", static_cast<double>(settings.activation_scale), 1, kMostReplicas},
      Range{"scale_down_delay in seconds", toSeconds(settings.scale_down_delay), 0, kLongest},
  };
  for (const Range& range : ranges) {
    if (auto wrong = policy::check(range); !wrong) return wrong;
  }
  if (auto wrong = checkWholeSeconds("stable_window", settings.stable_window); !wrong) return wrong;
  return checkWholeSeconds("scale_down_delay", settings.scale_down_delay);
}

}  // namespace wasabi::policy
