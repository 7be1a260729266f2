#include "box/scheduler.h"

#include <utility>

#include "base/check.h"

namespace wasabi::box {

Scheduler::Scheduler(std::size_t workers, Duration slice, UniqueFunction<void(std::size_t)> wake)
    : wake_(std::move(wake)), order_(slice), waiting_(workers, false) {}

void Scheduler::setTenant(policy::TenantId tenant, std::uint32_t weight) {
  const std::lock_guard lock(mutex_);
  order_.setTenant(tenant, weight);
}

void Scheduler::setFunction(policy::FunctionId function, policy::TenantId tenant, std::optional<double> cores,
                            TimePoint now) {
  const std::lock_guard lock(mutex_);
  order_.setFunction(function, tenant, cores, now);
}

bool Scheduler::mayRunAtOnce(policy::FunctionId function, TimePoint now) {
  const std::lock_guard lock(mutex_);
  return order_.mayRunAtOnce(function, now);
}

void Scheduler::ranAtOnce(policy::FunctionId function, Duration cpu, TimePoint now) {
  const std::lock_guard lock(mutex_);
  order_.ranAtOnce(function, cpu, now);
  noteReady();
}

void Scheduler::used(policy::FunctionId function, Duration cpu, TimePoint now) {
  const std::lock_guard lock(mutex_);
  order_.used(function, cpu, now);
  noteReady();
}

void Scheduler::add(Runnable& invocation, policy::Where where, policy::Which which, TimePoint now) {
  std::optional<std::size_t> helper;
  {
    const std::lock_guard lock(mutex_);
    WASABI_CHECK(!invocation.ticket_);
    invocation.ticket_ = order_.add({&invocation, invocation.function_, invocation.home_, where, which}, now);
    noteReady();
    // Whoever adds runs on the home worker, which takes one itself when its I/O is served.
    if (order_.ready() > 1) helper = takeHelper(invocation.home_);
  }
  if (helper) wake_(*helper);
}

bool Scheduler::withdraw(Runnable& invocation) {
  const std::lock_guard lock(mutex_);
  if (!invocation.ticket_) return false;
  order_.remove(*std::exchange(invocation.ticket_, std::nullopt));
  noteReady();
  return true;
}

Scheduler::Next Scheduler::next(std::size_t worker, TimePoint now) {
  std::optional<std::size_t> helper;
  Runnable* invocation = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto task = order_.next(static_cast<std::uint32_t>(worker), now);
    noteReady();
    waiting_[worker] = !task;
    if (!task) return {nullptr, order_.firstPaidAt()};
    invocation = static_cast<Runnable*>(task->invocation);
    invocation->ticket_.reset();
    // Several may have become ready at once, when their function's quota was filled up.
    helper = takeHelper(worker);
  }
  if (helper) wake_(*helper);
  return {invocation, std::nullopt};
}

void Scheduler::ran(const Runnable& invocation, policy::Which which, Duration cpu, TimePoint now) {
  const std::lock_guard lock(mutex_);
  order_.ran(invocation.function_, which, cpu, now);
  noteReady();
}

Scheduler::Outlook Scheduler::outlook(policy::FunctionId function, std::size_t more, TimePoint now) {
  const std::lock_guard lock(mutex_);
  const auto workers = static_cast<std::uint32_t>(waiting_.size());
  return {order_.expectedDelay(function, more, workers), order_.expectedRefill(function, more, now)};
}

// A worker that waits, if there is something that it might run.
std::optional<std::size_t> Scheduler::takeHelper(std::size_t except) {
  if (order_.lendable() == 0) return std::nullopt;
  for (std::size_t worker = 0; worker < waiting_.size(); ++worker) {
    if (worker == except || !waiting_[worker]) continue;
    waiting_[worker] = false;
    return worker;
  }
  return std::nullopt;
}

}  // namespace wasabi::box
