#include "policy/container_scaler.h"

#include "base/check.h"

namespace wasabi::policy {
namespace {

// In quotas: 1 is all that one container may use.
Autoscaler::Settings inQuotas(const ContainerScaler::Settings& settings) {
  Autoscaler::Settings of_cpu = settings.by_requests;
  of_cpu.target = settings.utilization;
  of_cpu.total = 1;
  of_cpu.target_burst_capacity = 0;
  return of_cpu;
}

}  // namespace

ContainerScaler::ContainerScaler(const Settings& settings, TimePoint now)
    : quota_(settings.quota), by_requests_(settings.by_requests, 0, now), by_cpu_(inQuotas(settings), 0, now) {
  WASABI_CHECK(!quota_ || quota_->value > 0);
}

bool ContainerScaler::recordCpu(TimePoint at, Cores used) {
  return quota_ && by_cpu_.record(at, used.value / quota_->value);
}

CombinedWish ContainerScaler::decide(std::uint32_t ready, TimePoint now) {
  const ScaleWish requests = by_requests_.decide(ready, now);
  // Asked each time, since it remembers when panic began.
  const ScaleWish cpu = by_cpu_.decide(ready, now);
  // By their load, since a decision comes down to nothing step by step.
  const bool are_any = requests.desired && requests.stable > 0;
  if (!are_any || !cpu.desired || *cpu.desired <= *requests.desired) return {requests, Metric::kRequests};
  ScaleWish wish = cpu;
  wish.panicking = requests.panicking || cpu.panicking;
  return {wish, Metric::kCpu};
}

}  // namespace wasabi::policy
