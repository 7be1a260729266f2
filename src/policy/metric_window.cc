#include "policy/metric_window.h"

#include <algorithm>
#include <cmath>

namespace wasabi::policy {
namespace {

constexpr double kSteps = 1 << 20;  // of a bucket, in one unit of the metric
constexpr std::uint64_t kMostSteps = std::uint64_t{1} << 50;
constexpr double kDecimals = 1e6;

static_assert(MetricWindow::kMostValue * kSteps == static_cast<double>(kMostSteps));
static_assert(kMostSteps <= UINT64_MAX / 3600, "a window full of the greatest values does not overflow");

std::size_t bucketsOf(Duration length) {
  const Duration within = std::clamp(length, MetricWindow::kBucket, MetricWindow::kLongest);
  return static_cast<std::size_t>((within + MetricWindow::kBucket - Duration(1)) / MetricWindow::kBucket);
}

double cut(double value) {
  return std::floor(value * kDecimals) / kDecimals;
}

}  // namespace

MetricWindow::MetricWindow(Duration length, Average average) : average_(average), buckets_(bucketsOf(length)) {}

MetricWindow::Second MetricWindow::secondOf(TimePoint at) {
  return std::chrono::floor<std::chrono::seconds>(at.time_since_epoch()).count();
}

// Also of times before the clock's epoch.
std::size_t MetricWindow::placeOf(Second second, std::size_t buckets) {
  const auto size = static_cast<Second>(buckets);
  return static_cast<std::size_t>((second % size + size) % size);
}

bool MetricWindow::record(TimePoint at, double value) {
  return add(secondOf(at), value);
}

bool MetricWindow::recordSince(TimePoint since, TimePoint now, double value) {
  const Second until = secondOf(now);
  Second second = secondOf(since);
  if (second >= until) return false;
  second = std::max(second, until - length());
  bool taken = true;
  while (second < until) taken &= add(++second, value);
  return taken;
}

bool MetricWindow::add(Second second, double value) {
  if (!std::isfinite(value) || value < 0) return false;
  if (!written_) {
    written_ = true;
    first_ = last_ = second;
  }
  if (second <= last_ - length()) return false;
  advanceTo(second);
  std::uint64_t& written = bucket(second);
  const auto steps = static_cast<std::uint64_t>(std::llround(std::min(value, kMostValue) * kSteps));
  const std::uint64_t more = std::min(steps, kMostSteps - written);
  written += more;
  total_ += more;
  return true;
}

void MetricWindow::advanceTo(Second second) {
  if (second <= last_) {
    first_ = std::min(first_, second);
    return;
  }
  if (second - last_ >= length()) {
    std::fill(buckets_.begin(), buckets_.end(), 0);
    total_ = 0;
    first_ = second;
  } else {
    for (Second passed = last_ + 1; passed <= second; ++passed) {
      total_ -= bucket(passed);
      bucket(passed) = 0;
    }
  }
  last_ = second;
}

bool MetricWindow::silent(TimePoint now) const {
  return !written_ || secondOf(now) - last_ >= length();
}

double MetricWindow::average(TimePoint now) const {
  if (silent(now)) return 0;
  const Second silence = std::max<Second>(0, secondOf(now) - last_);
  return average_ == Average::kLinear ? linear(silence) : weighted(silence);
}

double MetricWindow::linear(Second silence) const {
  std::uint64_t sum = total_;
  // They have left the window, though nothing was written in their place.
  for (Second passed = last_ + 1; passed <= last_ + silence; ++passed) sum -= bucket(passed);
  const Second seconds = std::min(last_ - first_ + 1, length() - silence);
  return cut(static_cast<double>(sum) / kSteps / static_cast<double>(seconds));
}

double MetricWindow::weighted(Second silence) const {
  constexpr double kLeast = 0.2;     // smaller would weigh all of a long window nearly alike
  constexpr double kLeftOut = 1e-4;  // of all weights together, what is older than the window
  const double newest = std::max(kLeast, 1 - std::pow(kLeftOut, 1 / static_cast<double>(length())));
  double weight = newest * std::pow(1 - newest, static_cast<double>(silence));
  double sum = 0;
  for (Second second = last_; second > last_ - length() + silence; --second) {
    sum += weight * (static_cast<double>(bucket(second)) / kSteps);
    weight *= 1 - newest;
  }
  return cut(sum);
}

void MetricWindow::resize(Duration length) {
  const std::vector<std::uint64_t> before = std::move(buckets_);
  buckets_.assign(bucketsOf(length), 0);
  total_ = 0;
  if (!written_) return;
  const auto had = static_cast<Second>(before.size());
  for (Second second = last_; second > last_ - std::min(had, this->length()); --second) {
    const std::uint64_t kept = before[placeOf(second, before.size())];
    bucket(second) = kept;
    total_ += kept;
  }
  // What was never kept must not count as seconds without load.
  first_ = std::max(first_, last_ - had + 1);
}

}  // namespace wasabi::policy
