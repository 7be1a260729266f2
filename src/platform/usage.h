// What tenants have used, for accounting: counters that only grow (usage/<tenant>.json).
//
// What was counted after the last flush() is lost with a crash: at most what one interval of its caller holds.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "platform/disk.h"

namespace wasabi::platform {

struct UsageFigures {
  std::uint64_t requests = 0;
  double cpu_seconds = 0;
  double gb_seconds = 0;  // 10^9 bytes of memory held for a second
  UsageFigures& operator+=(const UsageFigures& more);
  bool operator==(const UsageFigures&) const = default;
};

struct TenantUsage {
  std::string tenant;
  std::int64_t since_ms = 0;  // counted from then on
  UsageFigures figures;
};

// Thread-safe. Only open() and flush() block on the disk.
class Usage {
 public:
  static Result<std::unique_ptr<Usage>> open(Disk& disk, std::int64_t now_ms);
  ~Usage();

  void add(std::string_view tenant, const UsageFigures& more);
  TenantUsage of(std::string_view tenant) const;
  std::vector<TenantUsage> all() const;  // by tenant; those of deleted tenants too, until forget()
  // Writes what has changed. What could not be written is tried with the next flush.
  Result<void> flush();
  Result<void> forget(const std::string& tenant);

 private:
  struct Impl;
  explicit Usage(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wasabi::platform
