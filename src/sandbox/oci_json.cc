#include "sandbox/oci_json.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace wasabi::sandbox {
namespace {

using nlohmann::json;

constexpr std::int64_t kCpuPeriod = 100'000;    // microseconds
constexpr std::int64_t kLeastCpuQuota = 1'000;  // the kernel refuses less

}  // namespace

json resourcesOf(const Walls& walls) {
  json resources = {{"devices", json::array({{{"allow", false}, {"access", "rwm"}}})}};
  if (walls.memory.value > 0) resources["memory"] = {{"limit", walls.memory.value}};
  if (walls.tasks > 0) resources["pids"] = {{"limit", walls.tasks}};
  if (walls.cpu) {
    const auto quota = static_cast<std::int64_t>(std::llround(walls.cpu->value * static_cast<double>(kCpuPeriod)));
    resources["cpu"] = {{"period", kCpuPeriod}, {"quota", std::max(quota, kLeastCpuQuota)}};
  }
  return resources;
}

json maskedPaths() {
  return {"/proc/acpi",       "/proc/asound",      "/proc/kcore",       "/proc/keys", "/proc/latency_stats",
          "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"};
}

json readonlyPaths() {
  return {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
}

}  // namespace wasabi::sandbox
