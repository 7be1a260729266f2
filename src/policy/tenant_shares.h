// How much of what all tenants share one of them may take: no tenant can hold all of it while others might come.
//
// Of so much room, a tenant's *share* is the part that its weight is of the weights of all tenants that have functions
// deployed, and a part of the whole is *kept for others*. A tenant that stays within its share may take any room there
// is. One that would hold more than its share is let in only while what is kept for others stays free after it. With
// one tenant alone, its share is the whole and nothing is kept.
//
//        0                      its share                          the whole less what is kept             the whole
//        |-- while there is room ---|-- borrowed, while others leave it --|-- for those within their shares ----|
//
// So what tenants over their shares hold never makes a request of one within its share wait, if it takes no more than
// what is kept for others and those within theirs have not taken that yet. And nothing but what is kept lies idle.
//
// Who holds nothing is within its share, however much it asks for: a request that is larger than a share runs when its
// tenant's others have ended.
//
// A value without clock, thread or lock.
#pragma once

#include <cstdint>
#include <vector>

#include "policy/ids.h"

namespace wasabi::policy {

class TenantShares {
 public:
  // Of the whole; 0: every tenant may take all of it.
  static constexpr double kMostKept = 0.5;

  void setKept(double part);
  // From now on it has functions deployed, with this weight (> 0); or none any more.
  void deploy(TenantId tenant, double weight);
  void withdraw(TenantId tenant);
  bool isDeployed(TenantId tenant) const;
  // Of one that is not deployed: the last it had, or 1.
  double weightOf(TenantId tenant) const;

  // Of a room of so much.
  struct Bounds {
    std::uint64_t share = 0;
    std::uint64_t kept = 0;
  };
  Bounds boundsOf(TenantId tenant, std::uint64_t room) const;

  // One more of a tenant, as it would stand then.
  struct Claim {
    std::uint64_t room = 0;
    std::uint64_t taken = 0;  // of it, by all
    std::uint64_t held = 0;   // by the tenant
  };
  // Whether it leaves the others what is theirs. That there is room for it at all is not asked here.
  bool leavesEnough(TenantId tenant, const Claim& claim) const;

 private:
  struct Tenant {
    double weight = 1;
    bool deployed = false;
  };

  double kept_ = 0;
  std::vector<Tenant> tenants_;  // by number
  std::uint32_t deployed_ = 0;
  double weights_ = 0;  // of those that are deployed
};

}  // namespace wasabi::policy
