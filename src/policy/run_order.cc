#include "policy/run_order.h"

#include <algorithm>

#include "base/check.h"

namespace wasabi::policy {
namespace {

double nanoseconds(Duration duration) {
  return static_cast<double>(std::chrono::nanoseconds(duration).count());
}

template <typename T>
void ensureHolds(std::vector<T>& accounts, std::uint32_t id) {
  if (accounts.size() <= id) accounts.resize(std::size_t{id} + 1);
}

}  // namespace

RunOrder::RunOrder(Duration slice) : slice_(nanoseconds(slice)) {}

void RunOrder::setTenant(TenantId id, std::uint32_t weight) {
  WASABI_CHECK(weight > 0);
  ensureHolds(tenants_, id.value);
  Tenant& tenant = at(id);
  if (!tenant.ready.empty()) weight_in_order_ += std::uint64_t{weight} - tenant.weight;
  tenant.weight = weight;
}

void RunOrder::setFunction(FunctionId id, TenantId tenant, std::optional<double> cores, TimePoint now) {
  WASABI_CHECK(tenant.value < tenants_.size());
  ensureHolds(functions_, id.value);
  Function& function = at(id);
  if (function.tenant != tenant) {
    WASABI_CHECK(function.tasks == 0);
    function = Function{};
    function.tenant = tenant;
  }
  if (!cores) {
    function.quota.reset();
  } else if (function.quota) {
    if (function.quota->cores() != *cores) function.quota->setCores(*cores, now);
  } else {
    function.quota.emplace(*cores, now);
  }
}

// ---- in and out -----------------------------------------------------------------------------------------------------

RunOrder::Ticket RunOrder::add(const Task& task, TimePoint now) {
  Function& function = at(task.function);
  ensureHolds(function.homes, task.worker);
  ensureHolds(ready_at_, task.worker);
  std::list<Waiting>& line = lineOf(function, task);
  const Ticket ticket = line.insert(line.end(), {task, ++last_number_});
  ++function.tasks;
  if (task.which == Which::kFirst) ++function.new_tasks;
  if (function.aside_until) {
    ++aside_;
  } else if (function.is_ready) {
    countReady(task);
  } else if (!putAsideIfInDebt(task.function, now)) {
    makeReady(task.function);
  }
  return ticket;
}

void RunOrder::remove(Ticket ticket) {
  take(ticket->function, ticket);
}

RunOrder::Task RunOrder::take(FunctionId id, Ticket ticket) {
  Function& function = at(id);
  const Task task = *ticket;
  if (function.aside_until) {
    --aside_;
  } else {
    countUnready(task);
  }
  lineOf(function, task).erase(ticket);
  --function.tasks;
  if (task.which == Which::kFirst) --function.new_tasks;
  if (function.tasks > 0) return task;
  if (function.aside_until) {
    standing_aside_.erase({*function.aside_until, id.value});
    function.aside_until.reset();
  } else {
    makeUnready(id);
  }
  return task;
}

// A worker that is told of nothing sleeps until somebody wakes it, so whatever is ready for it must be found.
std::optional<RunOrder::Task> RunOrder::next(std::uint32_t worker, TimePoint now) {
  comeBack(now);
  const std::size_t at_home = worker < ready_at_.size() ? ready_at_[worker] : 0;
  if (at_home == 0 && lendable_ == 0) return std::nullopt;
  for (const auto& tenant_entry : in_order_) {
    Tenant& tenant = tenants_[tenant_entry.second];
    for (const auto& function_entry : tenant.ready) {
      const FunctionId function{function_entry.second};
      const auto ticket = taskFor(at(function), worker);
      if (!ticket) continue;
      now_ = std::max(now_, tenant_entry.first);
      tenant.now = std::max(tenant.now, function_entry.first);
      const Task task = take(function, *ticket);
      charge(function, slice_);
      return task;
    }
  }
  return std::nullopt;
}

std::optional<RunOrder::Ticket> RunOrder::taskFor(Function& function, std::uint32_t worker) {
  std::optional<Ticket> oldest;
  const auto consider = [&](std::list<Waiting>& line) {
    if (!line.empty() && (!oldest || line.front().number < (*oldest)->number)) oldest = line.begin();
  };
  if (worker < function.homes.size()) {
    consider(function.homes[worker].at_home);
    consider(function.homes[worker].anywhere);
  }
  if (oldest) return oldest;
  for (Home& home : function.homes) consider(home.anywhere);
  return oldest;
}

std::list<RunOrder::Waiting>& RunOrder::lineOf(Function& function, const Task& task) {
  Home& home = function.homes[task.worker];
  return task.where == Where::kAnywhere ? home.anywhere : home.at_home;
}

void RunOrder::countReady(const Task& task) {
  ++ready_;
  ++ready_at_[task.worker];
  if (task.where == Where::kAnywhere) ++lendable_;
}

void RunOrder::countUnready(const Task& task) {
  --ready_;
  --ready_at_[task.worker];
  if (task.where == Where::kAnywhere) --lendable_;
}

bool RunOrder::mayRunAtOnce(FunctionId id, TimePoint now) {
  comeBack(now);
  const Function& function = at(id);
  if (function.first_slice.value_or(0) > nanoseconds(kShortFirstSlice)) return false;
  if (function.aside_until || (function.quota && function.quota->inDebt(now))) return false;
  const Tenant& tenant = at(function.tenant);
  for (const auto& [time, other] : in_order_) {
    if (other == function.tenant.value) continue;
    if (time < std::max(tenant.time, now_)) return false;
    break;
  }
  for (const auto& [time, other] : tenant.ready) {
    if (other != id.value) return std::max(function.time, tenant.now) <= time;
  }
  return true;
}

// ---- what was used --------------------------------------------------------------------------------------------------

void RunOrder::ran(FunctionId id, Which which, Duration cpu, TimePoint now) {
  if (which == Which::kFirst) noteFirstSlice(id, cpu);
  charge(id, nanoseconds(cpu) - slice_);
  Function& function = at(id);
  if (function.quota) function.quota->charge(cpu, now);
  putAsideIfInDebt(id, now);
}

// Such a slice too moves the time at which others begin: else who comes after a long while of them would be owed all
// that they took.
void RunOrder::ranAtOnce(FunctionId id, Duration cpu, TimePoint now) {
  noteFirstSlice(id, cpu);
  bringToDate(id);
  Tenant& tenant = at(at(id).tenant);
  now_ = std::max(now_, tenant.time);
  tenant.now = std::max(tenant.now, at(id).time);
  used(id, cpu, now);
}

// Idle time is not saved up.
void RunOrder::bringToDate(FunctionId id) {
  Function& function = at(id);
  Tenant& tenant = at(function.tenant);
  if (!function.is_ready) function.time = std::max(function.time, tenant.now);
  if (tenant.ready.empty()) tenant.time = std::max(tenant.time, now_);
}

void RunOrder::used(FunctionId id, Duration cpu, TimePoint now) {
  Function& function = at(id);
  bringToDate(id);
  charge(id, nanoseconds(cpu));
  if (function.quota) function.quota->charge(cpu, now);
  putAsideIfInDebt(id, now);
}

void RunOrder::noteFirstSlice(FunctionId id, Duration cpu) {
  constexpr double kOfNew = 1.0 / 8;
  std::optional<double>& usual = at(id).first_slice;
  usual = usual ? *usual + (nanoseconds(cpu) - *usual) * kOfNew : nanoseconds(cpu);
}

void RunOrder::charge(FunctionId id, double nanoseconds) {
  Function& function = at(id);
  Tenant& tenant = at(function.tenant);
  const auto move = [](auto& order, VirtualTime& time, std::uint32_t key, double by, bool is_in_order) {
    if (is_in_order) order.erase({time, key});
    time += by;
    if (is_in_order) order.insert({time, key});
  };
  move(tenant.ready, function.time, id.value, nanoseconds, function.is_ready);
  move(in_order_, tenant.time, function.tenant.value, nanoseconds / tenant.weight, !tenant.ready.empty());
}

// ---- ready and aside ------------------------------------------------------------------------------------------------

void RunOrder::makeReady(FunctionId id) {
  Function& function = at(id);
  Tenant& tenant = at(function.tenant);
  if (tenant.ready.empty()) {
    tenant.time = std::max(tenant.time, now_);
    in_order_.insert({tenant.time, function.tenant.value});
    weight_in_order_ += tenant.weight;
  }
  function.time = std::max(function.time, tenant.now);
  tenant.ready.insert({function.time, id.value});
  function.is_ready = true;
  for (std::size_t worker = 0; worker < function.homes.size(); ++worker) {
    const Home& home = function.homes[worker];
    ready_at_[worker] += home.at_home.size() + home.anywhere.size();
    lendable_ += home.anywhere.size();
  }
  ready_ += function.tasks;
}

void RunOrder::makeUnready(FunctionId id) {
  Function& function = at(id);
  Tenant& tenant = at(function.tenant);
  tenant.ready.erase({function.time, id.value});
  if (tenant.ready.empty()) {
    in_order_.erase({tenant.time, function.tenant.value});
    weight_in_order_ -= tenant.weight;
  }
  function.is_ready = false;
  for (std::size_t worker = 0; worker < function.homes.size(); ++worker) {
    const Home& home = function.homes[worker];
    ready_at_[worker] -= home.at_home.size() + home.anywhere.size();
    lendable_ -= home.anywhere.size();
  }
  ready_ -= function.tasks;
}

bool RunOrder::putAsideIfInDebt(FunctionId id, TimePoint now) {
  Function& function = at(id);
  if (!function.quota || !function.quota->inDebt(now) || function.tasks == 0) return false;
  const TimePoint paid = function.quota->paidAt();
  if (function.aside_until) {
    standing_aside_.erase({*function.aside_until, id.value});
  } else {
    if (function.is_ready) makeUnready(id);
    aside_ += function.tasks;
  }
  function.aside_until = paid;
  standing_aside_.insert({paid, id.value});
  return true;
}

void RunOrder::comeBack(TimePoint now) {
  while (!standing_aside_.empty() && standing_aside_.begin()->first <= now) {
    const std::uint32_t id = standing_aside_.begin()->second;
    standing_aside_.erase(standing_aside_.begin());
    functions_[id].aside_until.reset();
    aside_ -= functions_[id].tasks;
    makeReady({id});
  }
}

// In nanoseconds: what the next slices of those in the line and of `more` new ones are expected to take.
double RunOrder::workOfLine(const Function& function, std::size_t more) const {
  const double first = std::min(function.first_slice.value_or(slice_), slice_);
  const std::size_t later = function.tasks - function.new_tasks;
  return first * static_cast<double>(function.new_tasks + more) + slice_ * static_cast<double>(later);
}

Duration RunOrder::expectedDelay(FunctionId id, std::size_t more, std::uint32_t workers) const {
  const Function& function = functions_[id.value];
  const Tenant& tenant = tenants_[function.tenant.value];
  const double functions = static_cast<double>(tenant.ready.size() + (function.is_ready ? 0 : 1));
  const double weights = static_cast<double>(weight_in_order_ + (tenant.ready.empty() ? tenant.weight : 0));
  const double share = tenant.weight / (functions * weights);
  return std::chrono::nanoseconds(static_cast<std::int64_t>(workOfLine(function, more) / share / workers));
}

Duration RunOrder::expectedRefill(FunctionId id, std::size_t more, TimePoint now) const {
  const Function& function = functions_[id.value];
  if (!function.quota) return {};
  const Duration debt = function.quota->inDebt(now) ? function.quota->paidAt() - now : Duration{};
  const double refill = workOfLine(function, more) / function.quota->cores();
  return debt + std::chrono::nanoseconds(static_cast<std::int64_t>(refill));
}

std::optional<TimePoint> RunOrder::firstPaidAt() const {
  if (standing_aside_.empty()) return std::nullopt;
  return standing_aside_.begin()->first;
}

std::optional<TimePoint> RunOrder::paidAt(FunctionId function, TimePoint now) const {
  const std::optional<CpuQuota>& quota = functions_[function.value].quota;
  if (!quota || !quota->inDebt(now)) return std::nullopt;
  return quota->paidAt();
}

}  // namespace wasabi::policy
