#include "policy/cpu_quota.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace wasabi::policy {
namespace {

double nanoseconds(Duration duration) {
  return static_cast<double>(std::chrono::nanoseconds(duration).count());
}

double mostAt(double cores) {
  return cores * nanoseconds(CpuQuota::kPeriod);
}

}  // namespace

CpuQuota::CpuQuota(double cores, TimePoint now) : cores_(cores), level_(mostAt(cores)), as_of_(now) {
  WASABI_CHECK(cores > 0);
}

void CpuQuota::setCores(double cores, TimePoint now) {
  WASABI_CHECK(cores > 0);
  level_ = std::min(levelAt(now), mostAt(cores));
  as_of_ = std::max(as_of_, now);
  cores_ = cores;
}

void CpuQuota::charge(Duration cpu, TimePoint now) {
  level_ = levelAt(now) - nanoseconds(cpu);
  as_of_ = std::max(as_of_, now);
}

TimePoint CpuQuota::paidAt() const {
  if (level_ >= 0) return as_of_;
  return as_of_ + std::chrono::nanoseconds(static_cast<std::int64_t>(std::ceil(-level_ / cores_)));
}

// Workers read the clock before they take the lock, so `now` may lie a little before the last charge.
double CpuQuota::levelAt(TimePoint now) const {
  const double since = std::max(0.0, nanoseconds(now - as_of_));
  return std::min(level_ + since * cores_, mostAt(cores_));
}

}  // namespace wasabi::policy
