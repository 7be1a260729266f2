#include "box/admission_desk.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace wasabi::box {
namespace {

// Of 300 bytes each: some microseconds.
constexpr std::size_t kHistoriesAtOnce = 64;

AdmissionDesk::Answer told(const policy::Admission::Answer& answer, policy::Ticket ticket) {
  using Kind = AdmissionDesk::Answer::Kind;
  switch (answer.kind) {
    case policy::Admission::Answer::Kind::kRuns:
      return {Kind::kRuns};
    case policy::Admission::Answer::Kind::kWaits:
      return {Kind::kWaits, reasonOfWait(answer.because), std::nullopt, Reason::kNone, ticket};
    case policy::Admission::Answer::Kind::kRefused:
      break;
  }
  const auto retry_after = answer.refusal ? answer.refusal->retry_after : std::nullopt;
  return {Kind::kRefused, reasonOfRefusal(answer), retry_after, reasonOfWait(answer.because), 0};
}

}  // namespace

AdmissionDesk::AdmissionDesk(const Settings& settings, Scheduler& scheduler, UniqueFunction<void(AdmissionCall)> call)
    : scheduler_(scheduler),
      call_(std::move(call)),
      cpu_backlog_(settings.cpu_backlog),
      admission_(settings.admission,
                 [this](policy::FunctionId function, TimePoint now) { return outlook(function, now); }) {}

void AdmissionDesk::setSettings(const Settings& settings) {
  const std::lock_guard lock(mutex_);
  cpu_backlog_ = settings.cpu_backlog;
  admission_.setSettings(settings.admission);
}

void AdmissionDesk::setTenants(const std::vector<policy::Admission::TenantTerms>& all) {
  for (const policy::Admission::TenantTerms& terms : all) scheduler_.setTenant(terms.tenant, terms.weight);
  const std::lock_guard lock(mutex_);
  admission_.setTenants(all);
}

double AdmissionDesk::weightOf(policy::TenantId tenant) {
  const std::lock_guard lock(mutex_);
  return admission_.weightOf(tenant);
}

void AdmissionDesk::setFunction(policy::FunctionId function, const policy::FunctionTerms& terms,
                                policy::Admission::Code code) {
  const std::lock_guard lock(mutex_);
  if (called_.size() <= function.value) called_.resize(std::size_t{function.value} + 1);
  admission_.setFunction(function, terms, code);
}

void AdmissionDesk::setUnbooked(ByteSize held) {
  const std::lock_guard lock(mutex_);
  admission_.setUnbooked(held);
}

// Whatever may make room goes this way, so that nobody who could run now is forgotten. `change` says whether it may
// have.
template <typename Change>
void AdmissionDesk::changeAndCall(TimePoint now, Change change) {
  std::vector<AdmissionCall> calls;
  {
    const std::lock_guard lock(mutex_);
    if (change()) calls = takeNext(now);
    note(now);
  }
  for (const AdmissionCall& call : calls) call_(call);
}

void AdmissionDesk::setMode(policy::BookingMode mode, TimePoint now) {
  changeAndCall(now, [&] {
    if (admission_.book().mode() != mode) admission_.setMode(mode);
    return true;
  });
}

AdmissionDesk::Answer AdmissionDesk::arrive(const Request& request, TimePoint now) {
  Answer answer;
  changeAndCall(now, [&] {
    const policy::Ticket ticket = ++last_ticket_;
    answer = told(admission_.arrive({ticket, request.function, request.arrival, request.deadline}, now), ticket);
    const bool waits = answer.kind == Answer::Kind::kWaits;
    if (waits && request.if_no_room == Request::IfNoRoom::kGoElsewhere) {
      admission_.cancel(ticket, now);
      answer = {Answer::Kind::kRefused, answer.reason, std::nullopt, answer.reason, 0};
      return true;
    }
    if (waits) places_.emplace(ticket, Place{request.worker, request.token});
    if (answer.kind == Answer::Kind::kRuns) answer.booked = admission_.book().alone(request.function);
    return waits;
  });
  return answer;
}

bool AdmissionDesk::cancel(policy::Ticket ticket, TimePoint now) {
  bool left = false;
  changeAndCall(now, [&] {
    if (too_late_.erase(ticket) > 0) {
      left = true;
      return false;
    }
    left = admission_.cancel(ticket, now).has_value();
    if (left) places_.erase(ticket);
    return left;
  });
  return left;
}

void AdmissionDesk::answered(policy::FunctionId function) {
  const std::lock_guard lock(mutex_);
  WASABI_CHECK(called_[function.value] > 0);
  --called_[function.value];
}

void AdmissionDesk::ended(policy::FunctionId function, ByteSize peak, policy::DemandHistory::Seen seen, TimePoint since,
                          TimePoint now) {
  changeAndCall(now, [&] {
    admission_.ended(function, peak, seen, since, now);
    ++seen_;
    return true;
  });
}

void AdmissionDesk::callNext(TimePoint now) {
  changeAndCall(now, [] { return true; });
}

std::vector<AdmissionCall> AdmissionDesk::takeNext(TimePoint now) {
  std::vector<AdmissionCall> calls;
  for (const policy::Waited& late : admission_.expire(now)) {
    too_late_.insert(late.waiter.ticket);
    calls.push_back(callOf(late, AdmissionCall::Kind::kTooLate));
  }
  while (const auto waited = admission_.next(now)) {
    calls.push_back(callOf(*waited, AdmissionCall::Kind::kRuns));
    ++called_[waited->waiter.function.value];
  }
  return calls;
}

AdmissionCall AdmissionDesk::callOf(const policy::Waited& waited, AdmissionCall::Kind kind) {
  const auto place = places_.extract(waited.waiter.ticket);
  WASABI_CHECK(!place.empty());
  const Place& caller = place.mapped();
  return {kind, caller.worker, caller.token, waited.waiter.function, reasonOfWait(waited.waited_for)};
}

// Those that were called and have not come to a slice yet will be before it.
Scheduler::Outlook AdmissionDesk::firstSlice(policy::FunctionId function, TimePoint now) {
  return scheduler_.outlook(function, called_[function.value], now);
}

policy::CpuOutlook AdmissionDesk::outlook(policy::FunctionId function, TimePoint now) {
  const Scheduler::Outlook seen = firstSlice(function, now);
  policy::CpuOutlook outlook;
  outlook.backlogged = seen.by_share > cpu_backlog_;
  if (seen.by_quota > cpu_backlog_) outlook.over_quota_until = now + (seen.by_quota - cpu_backlog_);
  return outlook;
}

void AdmissionDesk::note(TimePoint now) {
  booked_.set(admission_.book().booked().value, now);
  wanted_.set(admission_.queue().waitingMemory().value, now);
  waiting_.store(admission_.queue().size(), std::memory_order_relaxed);
}

std::vector<std::uint32_t> AdmissionDesk::runningOf(const std::vector<policy::FunctionId>& functions) {
  std::vector<std::uint32_t> running;
  running.reserve(functions.size());
  const std::lock_guard lock(mutex_);
  for (const policy::FunctionId function : functions) running.push_back(admission_.runningOf(function));
  return running;
}

std::vector<std::optional<policy::DemandHistory>> AdmissionDesk::histories(
    const std::vector<policy::FunctionId>& functions) {
  std::vector<std::optional<policy::DemandHistory>> copies(functions.size());
  for (std::size_t begin = 0; begin < functions.size(); begin += kHistoriesAtOnce) {
    const std::size_t end = std::min(begin + kHistoriesAtOnce, functions.size());
    const std::lock_guard lock(mutex_);
    for (std::size_t i = begin; i < end; ++i) {
      if (const policy::DemandHistory* history = admission_.history(functions[i])) copies[i] = *history;
    }
  }
  return copies;
}

void AdmissionDesk::restore(policy::FunctionId function, const policy::DemandHistory& history) {
  const std::lock_guard lock(mutex_);
  admission_.restore(function, history);
}

std::uint64_t AdmissionDesk::seen() {
  const std::lock_guard lock(mutex_);
  return seen_;
}

AdmissionDesk::Figures AdmissionDesk::figures(TimePoint now) {
  const std::lock_guard lock(mutex_);
  note(now);
  const policy::MemoryBook& book = admission_.book();
  const policy::RequestQueue& queue = admission_.queue();
  return {book.mode(),           book.capacity(), book.booked(),  book.bookable(),      book.unbooked(),
          queue.waitingMemory(), booked_.area(),  wanted_.area(), admission_.running(), queue.size()};
}

AdmissionDesk::Explained AdmissionDesk::explain(policy::FunctionId function, Duration patience, TimePoint now) {
  Explained explained;
  std::optional<policy::Admission::Snapshot> snapshot;
  {
    const std::lock_guard lock(mutex_);
    snapshot = admission_.snapshotFor({last_ticket_ + 1, function, now, now + patience}, now);
    explained.first_slice = firstSlice(function, now);
    explained.cpu_backlog = cpu_backlog_;
  }
  explained.policy = std::move(*snapshot).explain();
  explained.answer = told(explained.policy.answer, 0);
  return explained;
}

Reason reasonOfWait(std::optional<policy::Verdict> verdict) {
  if (!verdict) return Reason::kQueueOrder;
  switch (*verdict) {
    case policy::Verdict::kRun:
      return Reason::kQueueOrder;
    case policy::Verdict::kNoMemory:
      return Reason::kQueueMemory;
    case policy::Verdict::kNoCpu:
      return Reason::kQueueCpu;
    case policy::Verdict::kFunctionBusy:
      return Reason::kQueueFunctionConcurrency;
    case policy::Verdict::kFunctionInDebt:
      return Reason::kQueueCpuQuota;
    case policy::Verdict::kTenantBusy:
      return Reason::kQueueTenantConcurrency;
    case policy::Verdict::kOverShare:
      return Reason::kQueueTenantShare;
    case policy::Verdict::kNotStarted:
    case policy::Verdict::kTurnedAway:
    case policy::Verdict::kTenantMemory:
    case policy::Verdict::kNever:
      break;
  }
  return Reason::kQueueOrder;
}

Reason reasonOfRefusal(const policy::Admission::Answer& answer) {
  if (!answer.refusal) return Reason::kOverCapacity;
  if (answer.refusal->by == policy::RefusedBy::kDeadline) return Reason::kDeadline;
  switch (answer.because.value_or(policy::Verdict::kRun)) {
    case policy::Verdict::kFunctionBusy:
      return Reason::kFunctionConcurrency;
    case policy::Verdict::kTenantBusy:
      return Reason::kTenantConcurrency;
    case policy::Verdict::kFunctionInDebt:
      return Reason::kCpuQuota;
    case policy::Verdict::kRun:
    case policy::Verdict::kNoMemory:
    case policy::Verdict::kNoCpu:
    case policy::Verdict::kOverShare:
    case policy::Verdict::kNotStarted:
    case policy::Verdict::kTurnedAway:
    case policy::Verdict::kTenantMemory:
    case policy::Verdict::kNever:
      return Reason::kQueueFull;
  }
  return Reason::kQueueFull;
}

}  // namespace wasabi::box
