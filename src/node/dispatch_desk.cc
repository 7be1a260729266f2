#include "node/dispatch_desk.h"

#include <utility>

#include "base/check.h"

namespace wasabi::node {

DispatchDesk::DispatchDesk(const policy::QueueBounds& bounds, Events events)
    : events_(std::move(events)), dispatch_(bounds) {}

void DispatchDesk::setBounds(const policy::QueueBounds& bounds) {
  const std::scoped_lock lock(mutex_);
  dispatch_.setBounds(bounds);
}

void DispatchDesk::setTenant(policy::TenantId tenant, const policy::Dispatch::TenantTerms& terms) {
  const std::scoped_lock lock(mutex_);
  dispatch_.setTenant(tenant, terms);
}

void DispatchDesk::setFunction(policy::FunctionId function, const policy::Dispatch::FunctionTerms& terms) {
  const std::scoped_lock lock(mutex_);
  dispatch_.setFunction(function, terms);
}

void DispatchDesk::setVersion(policy::VersionId version, const policy::Dispatch::VersionTerms& terms) {
  const std::scoped_lock lock(mutex_);
  dispatch_.setVersion(version, terms);
}

// Whatever may make room goes this way, so that nobody who could go now is forgotten. `change` says whether it may
// have.
template <typename Change>
void DispatchDesk::changeAndCall(TimePoint now, Change change) {
  std::vector<DispatchCall> calls;
  {
    const std::scoped_lock lock(mutex_);
    if (change()) calls = takeNext(now);
    waiting_.store(dispatch_.queue().size(), std::memory_order_relaxed);
  }
  for (DispatchCall& call : calls) events_.call(std::move(call));
}

std::vector<DispatchCall> DispatchDesk::takeNext(TimePoint now) {
  std::vector<DispatchCall> calls;
  while (const auto next = dispatch_.next(now)) {
    const auto place = places_.extract(next->waited.waiter.ticket);
    WASABI_CHECK(!place.empty());
    calls.push_back({place.mapped().worker, place.mapped().token, next->run, targets_[next->run.target.value],
                     reasonOfWait(next->waited.waited_for)});
  }
  return calls;
}

void DispatchDesk::addTarget(TargetPtr target, const policy::Dispatch::TargetTerms& terms) {
  const std::scoped_lock lock(mutex_);
  const policy::TargetId id = target->id;
  dispatch_.addTarget(id, terms);
  if (targets_.size() <= id.value) targets_.resize(std::size_t{id.value} + 1);
  targets_[id.value] = std::move(target);
}

void DispatchDesk::closeTarget(policy::TargetId target) {
  const std::scoped_lock lock(mutex_);
  dispatch_.closeTarget(target);
}

bool DispatchDesk::drained(policy::TargetId target) {
  const std::scoped_lock lock(mutex_);
  return dispatch_.drained(target);
}

void DispatchDesk::serves(policy::TargetId target, policy::VersionId version, TimePoint now) {
  changeAndCall(now, [&] {
    dispatch_.serves(target, version);
    return true;
  });
}

void DispatchDesk::servesNoMore(policy::TargetId target, policy::VersionId version) {
  const std::scoped_lock lock(mutex_);
  dispatch_.servesNoMore(target, version);
}

DispatchDesk::Answer DispatchDesk::arrive(const Request& request, TimePoint now) {
  Answer answer;
  bool wanted = false;
  changeAndCall(now, [&] {
    const policy::Ticket ticket = ++last_ticket_;
    const auto told = dispatch_.arrive({ticket, request.version, request.arrival, request.deadline}, now);
    using Kind = policy::Dispatch::Answer::Kind;
    if (told.kind == Kind::kGoes) {
      answer.run = told.run;
      answer.target = targets_[told.run.target.value];
    } else if (told.kind == Kind::kRefused) {
      answer.kind = Answer::Kind::kRefused;
      answer.reason = reasonOfRefusal(told);
      answer.beyond = told.beyond;
      if (told.refusal) answer.retry_after = told.refusal->retry_after;
    } else {
      answer.kind = Answer::Kind::kWaits;
      answer.reason = reasonOfWait(told.because);
      answer.ticket = ticket;
      places_.emplace(ticket, Place{request.worker, request.token});
      wanted = told.because == policy::Verdict::kNotStarted;
    }
    return told.kind == Kind::kWaits;
  });
  if (wanted) events_.wanted(request.version);
  return answer;
}

bool DispatchDesk::cancel(policy::Ticket ticket, TimePoint now) {
  bool left = false;
  changeAndCall(now, [&] {
    left = dispatch_.cancel(ticket, now).has_value();
    if (left) places_.erase(ticket);
    return left;
  });
  return left;
}

void DispatchDesk::ended(const policy::Dispatch::Run& run, std::optional<ByteSize> booking, TimePoint now) {
  changeAndCall(now, [&] {
    if (booking) dispatch_.setBooking(run.version, *booking);
    dispatch_.ended(run);
    return true;
  });
}

void DispatchDesk::turnedAway(const policy::Dispatch::Run& run, policy::Dispatch::Lack lack, TimePoint now) {
  changeAndCall(now, [&] {
    dispatch_.turnedAway(run, lack, now);
    return true;
  });
}

void DispatchDesk::diedUnder(policy::VersionId version, policy::TargetId target) {
  const std::scoped_lock lock(mutex_);
  dispatch_.diedUnder(version, target);
}

std::vector<policy::VersionId> DispatchDesk::diedUnder(policy::TargetId target) {
  const std::scoped_lock lock(mutex_);
  return dispatch_.diedUnder(target);
}

void DispatchDesk::callNext(TimePoint now) {
  changeAndCall(now, [] { return true; });
}

std::vector<policy::VersionId> DispatchDesk::unserved() {
  const std::scoped_lock lock(mutex_);
  return dispatch_.unserved();
}

std::vector<policy::Dispatch::Beyond> DispatchDesk::waitingInVain() {
  const std::scoped_lock lock(mutex_);
  return dispatch_.waitingInVain();
}

policy::Dispatch::VersionFigures DispatchDesk::figures(policy::VersionId version) {
  const std::scoped_lock lock(mutex_);
  return dispatch_.figures(version);
}

policy::Dispatch::TenantFigures DispatchDesk::tenantFigures(policy::TenantId tenant) {
  const std::scoped_lock lock(mutex_);
  return dispatch_.tenantFigures(tenant);
}

policy::Verdict DispatchDesk::outlook(policy::VersionId version, TimePoint now) {
  const std::scoped_lock lock(mutex_);
  return dispatch_.outlook(version, now);
}

std::uint32_t DispatchDesk::running(policy::TargetId target) {
  const std::scoped_lock lock(mutex_);
  return dispatch_.running(target);
}

}  // namespace wasabi::node
