// What the containers of each tenant may have together, busy or idle: not more than its memory quota. What requests
// hold of that quota while they run is policy::Dispatch's; this bounds what is kept ready for them. Lives on the
// control loop.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/units.h"

namespace wasabi::node {

class TenantRooms {
 public:
  // Of those that have a quota. One that is lowered takes nothing away: see isOver().
  void setLimits(std::map<std::string, ByteSize> limits) { limits_ = std::move(limits); }

  bool fits(const std::string& tenant, ByteSize memory) const {
    const auto limit = limits_.find(tenant);
    if (limit == limits_.end()) return true;
    return taken(tenant) <= limit->second && memory <= limit->second - taken(tenant);
  }
  bool isOver(const std::string& tenant) const {
    const auto limit = limits_.find(tenant);
    return limit != limits_.end() && taken(tenant) > limit->second;
  }
  ByteSize taken(const std::string& tenant) const {
    const auto found = taken_.find(tenant);
    return found == taken_.end() ? ByteSize{0} : found->second;
  }

  void take(const std::string& tenant, ByteSize memory) { taken_[tenant] = taken(tenant) + memory; }
  void giveBack(const std::string& tenant, ByteSize memory) {
    const auto found = taken_.find(tenant);
    WASABI_CHECK(found != taken_.end() && found->second >= memory);
    found->second = found->second - memory;
    if (found->second == ByteSize{0}) taken_.erase(found);
  }

 private:
  std::map<std::string, ByteSize> limits_;
  std::map<std::string, ByteSize> taken_;  // of those that have containers
};

}  // namespace wasabi::node
