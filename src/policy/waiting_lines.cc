#include "policy/waiting_lines.h"

#include "base/check.h"

namespace wasabi::policy {

void WaitingLines::setWeight(TenantId tenant, double weight) {
  WASABI_CHECK(weight > 0);
  Tenant& account = tenantAt(tenant);
  if (account.listed) listed_weight_ += weight - account.weight;
  account.weight = weight;
}

WaitingLines::Place WaitingLines::add(TenantId tenant, FunctionId function, TimePoint arrival, std::uint64_t ticket) {
  Tenant& of_tenant = tenantAt(tenant);
  Function& of_function = functionAt(function);
  if (of_function.tenant != tenant) {
    WASABI_CHECK(of_function.line.empty());
    leaveTenant(function);
    of_function.tenant = tenant;
  }
  const Place place{arrival, sequence_++};
  of_function.line.emplace(place, ticket);
  ++of_tenant.waiting;
  list(function);
  return place;
}

void WaitingLines::remove(FunctionId function, Place place) {
  Function& account = functions_[function.value];
  WASABI_CHECK(account.line.erase(place) == 1);
  --tenants_[account.tenant.value].waiting;
  list(function);
}

void WaitingLines::charge(FunctionId function, double cost) {
  Function& of_function = functions_[function.value];
  Tenant& of_tenant = tenants_[of_function.tenant.value];
  serve(of_tenant.order, of_tenant.clock, of_function, function.value, cost, 1);
  serve(order_, clock_, of_tenant, of_function.tenant.value, cost, of_tenant.weight);
}

void WaitingLines::setAside(FunctionId function, const Aside& aside) {
  wake(function);
  functionAt(function).aside = aside;
  remember(aside, true, function.value);
  list(function);
}

void WaitingLines::setAside(TenantId tenant, const Aside& aside) {
  wake(tenant);
  tenantAt(tenant).aside = aside;
  remember(aside, false, tenant.value);
  list(tenant);
}

void WaitingLines::remember(const Aside& aside, bool is_function, std::uint32_t id) {
  due_.emplace(aside.until, is_function, id);
  if (aside.what == AsideFor::kRoom) for_room_.emplace(aside.until, is_function, id);
  // A tenant itself is woken by its name.
  if (aside.what != AsideFor::kTenantRoom || !is_function) return;
  tenants_[functions_[id].tenant.value].for_room.emplace(aside.until, FunctionId{id});
}

bool WaitingLines::forgetAside(Member& member, bool is_function, std::uint32_t id) {
  if (!member.aside) return false;
  const auto [until, what] = *member.aside;
  due_.erase({until, is_function, id});
  if (what == AsideFor::kRoom) for_room_.erase({until, is_function, id});
  if (what == AsideFor::kTenantRoom && is_function) {
    tenants_[functions_[id].tenant.value].for_room.erase({until, FunctionId{id}});
  }
  member.aside.reset();
  return true;
}

void WaitingLines::wake(FunctionId function) {
  if (function.value >= functions_.size()) return;
  if (forgetAside(functions_[function.value], true, function.value)) list(function);
}

void WaitingLines::wake(TenantId tenant) {
  if (tenant.value >= tenants_.size()) return;
  if (forgetAside(tenants_[tenant.value], false, tenant.value)) list(tenant);
}

void WaitingLines::wake(const Due& due) {
  const auto [until, is_function, id] = due;
  if (is_function) {
    wake(FunctionId{id});
  } else {
    wake(TenantId{id});
  }
}

void WaitingLines::wakeDue(TimePoint now) {
  while (!due_.empty() && std::get<0>(*due_.begin()) <= now) wake(*due_.begin());
}

void WaitingLines::wakeForRoom(std::size_t most) {
  for (; most > 0 && !for_room_.empty(); --most) wake(*for_room_.begin());
}

void WaitingLines::wakeForRoomOf(TenantId tenant, std::size_t most) {
  if (tenant.value >= tenants_.size()) return;
  const auto& waiting = tenants_[tenant.value].for_room;
  for (; most > 0 && !waiting.empty(); --most) wake(waiting.begin()->second);
}

// Nothing of it is left with its tenant: nobody waits there.
void WaitingLines::leaveTenant(FunctionId function) {
  wake(function);
  if (functions_[function.value].tenant.value < tenants_.size()) putBack(function);
}

void WaitingLines::putBack(FunctionId function) {
  std::optional<FunctionId>& first = tenants_[functions_[function.value].tenant.value].first;
  if (first == function) first.reset();
}

std::optional<TimePoint> WaitingLines::nextWake() const {
  if (due_.empty()) return std::nullopt;
  return std::get<0>(*due_.begin());
}

std::size_t WaitingLines::waitingOf(FunctionId function) const {
  return function.value < functions_.size() ? functions_[function.value].line.size() : 0;
}

std::size_t WaitingLines::waitingOf(TenantId tenant) const {
  return tenant.value < tenants_.size() ? tenants_[tenant.value].waiting : 0;
}

std::optional<std::uint64_t> WaitingLines::headOf(FunctionId function) const {
  if (waitingOf(function) == 0) return std::nullopt;
  return functions_[function.value].line.begin()->second;
}

double WaitingLines::shareOf(TenantId tenant, FunctionId function) const {
  std::size_t listed = 1;
  if (tenant.value < tenants_.size()) listed += tenants_[tenant.value].order.size();
  if (function.value < functions_.size() && functions_[function.value].listed) --listed;
  return 1.0 / static_cast<double>(listed);
}

double WaitingLines::shareOf(TenantId tenant) const {
  const bool known = tenant.value < tenants_.size();
  const double own = known ? tenants_[tenant.value].weight : 1;
  const bool listed = known && tenants_[tenant.value].listed;
  return own / (listed ? std::max(own, listed_weight_) : listed_weight_ + own);
}

void WaitingLines::forget(FunctionId function) {
  if (function.value >= functions_.size()) return;
  WASABI_CHECK(functions_[function.value].line.empty());
  leaveTenant(function);
  functions_[function.value] = {};
}

void WaitingLines::forget(TenantId tenant) {
  if (tenant.value >= tenants_.size()) return;
  WASABI_CHECK(tenants_[tenant.value].waiting == 0);
  wake(tenant);
  tenants_[tenant.value] = {};
}

WaitingLines::Function& WaitingLines::functionAt(FunctionId id) {
  if (id.value >= functions_.size()) functions_.resize(std::size_t{id.value} + 1);
  return functions_[id.value];
}

WaitingLines::Tenant& WaitingLines::tenantAt(TenantId id) {
  if (id.value >= tenants_.size()) tenants_.resize(std::size_t{id.value} + 1);
  return tenants_[id.value];
}

// Puts a function into the order of its tenant, or takes it out, as it should be.
void WaitingLines::list(FunctionId id) {
  Function& function = functions_[id.value];
  const bool wanted = !function.line.empty() && !function.aside;
  if (wanted == function.listed) return;
  Tenant& tenant = tenants_[function.tenant.value];
  if (wanted) {
    function.tag = tenant.clock.join(function.tag);
    function.came = sequence_++;
    tenant.order.insert(rankOf(function, id.value));
  } else {
    tenant.order.erase(rankOf(function, id.value));
  }
  function.listed = wanted;
  list(function.tenant);
}

void WaitingLines::list(TenantId id) {
  Tenant& tenant = tenants_[id.value];
  const bool wanted = !tenant.order.empty() && !tenant.aside;
  if (wanted == tenant.listed) return;
  if (wanted) {
    tenant.tag = clock_.join(tenant.tag);
    tenant.came = sequence_++;
    order_.insert(rankOf(tenant, id.value));
    listed_weight_ += tenant.weight;
  } else {
    order_.erase(rankOf(tenant, id.value));
    listed_weight_ = order_.empty() ? 0 : listed_weight_ - tenant.weight;
  }
  tenant.listed = wanted;
}

void WaitingLines::serve(std::set<Rank>& order, FairClock& clock, Member& member, std::uint32_t id, double cost,
                         double weight) {
  // One that is served while set aside stands at the present, as if it had just come.
  if (!member.listed) member.tag = clock.join(member.tag);
  auto node = order.extract(rankOf(member, id));
  clock.serve(member.tag);
  member.tag = FairClock::charged(member.tag, cost, weight);
  member.came = sequence_++;
  if (node.empty()) return;
  node.value() = rankOf(member, id);
  order.insert(std::move(node));
}

}  // namespace wasabi::policy
