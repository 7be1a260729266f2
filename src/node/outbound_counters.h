// Numbers about functions' outbound calls, by tenant.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "base/prometheus_text.h"
#include "node/carried.h"

namespace wasabi::node {

class OutboundCounters {
 public:
  void add(const std::string& tenant, const CarriedRecord& record);
  void merge(const OutboundCounters& more);
  void write(PrometheusText& text) const;

  struct OfTenant {
    std::uint64_t calls = 0;
    std::map<http::ClientFailure, std::uint64_t> failures;
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
  };
  const std::map<std::string, OfTenant>& byTenant() const { return by_tenant_; }

 private:
  std::map<std::string, OfTenant> by_tenant_;
};

}  // namespace wasabi::node
