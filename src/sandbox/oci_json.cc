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

json basicMounts() {
  json mounts = json::array();
  mounts.push_back(
      {{"destination", "/proc"}, {"type", "proc"}, {"source", "proc"}, {"options", {"nosuid", "nodev", "noexec"}}});
  mounts.push_back({{"destination", "/dev"},
                    {"type", "tmpfs"},
                    {"source", "tmpfs"},
                    {"options", {"nosuid", "noexec", "strictatime", "mode=755", "size=64k"}}});
  return mounts;
}

json basicNamespaces() {
  json namespaces = json::array();
  for (const char* type : {"pid", "mount", "ipc", "uts", "cgroup"}) namespaces.push_back({{"type", type}});
  return namespaces;
}

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
