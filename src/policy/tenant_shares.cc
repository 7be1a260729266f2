#include "policy/tenant_shares.h"

#include <algorithm>

#include "base/check.h"

namespace wasabi::policy {
namespace {

std::uint64_t partOf(std::uint64_t room, double part) {
  return static_cast<std::uint64_t>(part * static_cast<double>(room));
}

}  // namespace

void TenantShares::setKept(double part) {
  WASABI_CHECK(part >= 0);
  WASABI_CHECK(part <= kMostKept);
  kept_ = part;
}

void TenantShares::deploy(TenantId id, double weight) {
  WASABI_CHECK(weight > 0);
  if (tenants_.size() <= id.value) tenants_.resize(std::size_t{id.value} + 1);
  withdraw(id);
  tenants_[id.value] = {weight, true};
  ++deployed_;
  weights_ += weight;
}

void TenantShares::withdraw(TenantId id) {
  if (!isDeployed(id)) return;
  tenants_[id.value].deployed = false;
  --deployed_;
  weights_ = deployed_ == 0 ? 0 : weights_ - tenants_[id.value].weight;
}

bool TenantShares::isDeployed(TenantId id) const {
  return id.value < tenants_.size() && tenants_[id.value].deployed;
}

double TenantShares::weightOf(TenantId id) const {
  return id.value < tenants_.size() ? tenants_[id.value].weight : 1;
}

TenantShares::Bounds TenantShares::boundsOf(TenantId id, std::uint64_t room) const {
  const double own = weightOf(id);
  const double others = isDeployed(id) ? weights_ - own : weights_;
  const bool alone = deployed_ == 0 || (deployed_ == 1 && isDeployed(id));
  if (alone) return {room, 0};
  return {partOf(room, std::min(1.0, own / (own + others))), partOf(room, kept_)};
}

bool TenantShares::leavesEnough(TenantId id, const Claim& claim) const {
  const Bounds bounds = boundsOf(id, claim.room);
  if (bounds.kept == 0 || claim.held <= bounds.share) return true;
  return claim.taken <= claim.room && claim.room - claim.taken >= bounds.kept;
}

}  // namespace wasabi::policy
