// What tenants used in one box, from the growing figures that the box tells: differences come out. A box is believed no
// more than it can have used, and only of tenants that it hosted, since it may have been taken over.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace wasabi::node {

struct TenantUse {
  std::string tenant;
  double cpu_seconds = 0;
  // On superpods the peak of each request, for as long as it lasted, once it is over; of containers what they have.
  double memory_byte_seconds = 0;
};

class UsageMeter {
 public:
  struct Most {
    double cpu_seconds = 0;
    double memory_byte_seconds = 0;
  };

  void hosts(const std::string& tenant) { counted_.try_emplace(tenant); }
  // What came to it since the last call; `told` since the box began, of which `most` is credible of each tenant.
  std::vector<TenantUse> grownBy(const std::vector<TenantUse>& told, const Most& most);

 private:
  std::map<std::string, Most> counted_;
};

}  // namespace wasabi::node
