#include "policy/admission.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace wasabi::policy {
namespace {

// A function that never ran is taken to need this long, to be charged for its memory times its time.
constexpr double kUnknownSeconds = 0.1;
// How much a new observation moves the usual time.
constexpr double kOfNewTime = 1.0 / 16;
// What a request is left to run in before its deadline, of its function's usual time: who begins later would use the
// CPU of others and be ended before it answers. Who is expected to come to less than twice of it is not let into the
// queue; who is in it may have been lucky with the others, and leaves when it has less than that time itself.
constexpr double kExpectedRoomToRun = 2;
constexpr double kLeastRoomToRun = 1;

Duration secondsOf(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

Admission::Admission(const Settings& settings, CpuView cpu)
    : queue_(settings.queue),
      book_(settings.capacity, settings.mode),
      cpu_(std::move(cpu)),
      most_running_(settings.most_running) {
  shares_.setKept(settings.kept_for_others);
}

void Admission::setSettings(const Settings& settings) {
  queue_.setBounds(settings.queue);
  book_.setCapacity(settings.capacity);
  book_.setMode(settings.mode);
  most_running_ = settings.most_running;
  shares_.setKept(settings.kept_for_others);
}

void Admission::setTenant(const TenantTerms& terms) {
  if (tenants_.size() <= terms.tenant.value) tenants_.resize(std::size_t{terms.tenant.value} + 1);
  tenants_[terms.tenant.value].concurrency = terms.concurrency;
  shares_.deploy(terms.tenant, terms.weight);
  queue_.setWeight(terms.tenant, terms.weight);
}

void Admission::setTenants(const std::vector<TenantTerms>& all) {
  std::vector<bool> stays(tenants_.size());
  for (const TenantTerms& terms : all) {
    if (terms.tenant.value < stays.size()) stays[terms.tenant.value] = true;
  }
  for (std::uint32_t tenant = 0; tenant < stays.size(); ++tenant) {
    if (stays[tenant]) continue;
    shares_.withdraw({tenant});
    // Its number may come to be another's.
    if (queue_.waitingOf(TenantId{tenant}) == 0) queue_.forget(TenantId{tenant});
  }
  for (const TenantTerms& terms : all) setTenant(terms);
}

void Admission::setFunction(FunctionId id, const FunctionTerms& terms, Code code) {
  WASABI_CHECK(terms.tenant.value < tenants_.size());
  if (functions_.size() <= id.value) functions_.resize(std::size_t{id.value} + 1);
  Function& function = functions_[id.value];
  WASABI_CHECK(function.running == 0 || function.terms.tenant == terms.tenant);
  function.terms = terms;
  book_.setLimit(id, terms.memory);
  book_.setTenant(id, terms.tenant);
  if (code == Code::kOther) {
    function.history.reset();
    function.usual_seconds = 0;
    if (queue_.waitingOf(id) == 0) queue_.forget(id);
  }
  book_.setEstimate(id, function.history ? function.history->estimate(terms.memory) : std::nullopt);
}

void Admission::restore(FunctionId id, const DemandHistory& history) {
  WASABI_CHECK(id.value < functions_.size());
  Function& function = functions_[id.value];
  function.history = std::make_unique<DemandHistory>(history);
  book_.setEstimate(id, history.estimate(function.terms.memory));
}

// ---- the rules ------------------------------------------------------------------------------------------------------

// First what the caller can mend himself, then what is ours.
template <typename Found>
void Admission::forEachObstacle(FunctionId id, const MemoryBook::Offer& memory, TimePoint now, Found found) const {
  const Function& function = functions_[id.value];
  const Tenant& tenant = tenants_[function.terms.tenant.value];
  if (function.running >= function.terms.concurrency && !found(Judgement{Verdict::kFunctionBusy})) return;
  if (tenant.concurrency && tenant.running >= *tenant.concurrency && !found(Judgement{Verdict::kTenantBusy})) return;
  const CpuOutlook cpu = cpu_(id, now);
  if (cpu.over_quota_until && !found(Judgement{Verdict::kFunctionInDebt, *cpu.over_quota_until})) return;
  if (!leavesEnough(function.terms.tenant, memory) && !found(Judgement{Verdict::kOverShare})) return;
  const bool room = running_ < most_running_ && memory.verdict == MemoryBook::Verdict::kFits;
  if (!room && !found(Judgement{Verdict::kNoMemory})) return;
  if (cpu.backlogged) found(Judgement{Verdict::kNoCpu});
}

// Who runs nothing is within its share, whatever it asks for.
bool Admission::leavesEnough(TenantId id, const MemoryBook::Offer& memory) const {
  const Tenant& tenant = tenants_[id.value];
  if (tenant.running == 0) return true;
  return shares_.leavesEnough(id, {memory.bookable.value, memory.booked.value, memory.held.value}) &&
         shares_.leavesEnough(id, {most_running_, running_ + 1, std::uint64_t{tenant.running} + 1});
}

Judgement Admission::judge(FunctionId id, const MemoryBook::Offer& memory, TimePoint now) const {
  Judgement first{Verdict::kRun};
  forEachObstacle(id, memory, now, [&](const Judgement& obstacle) {
    first = obstacle;
    return false;
  });
  return first;
}

Admission::Answer Admission::answerTo(const Request& request, TimePoint now) const {
  const MemoryBook::Offer memory = book_.offer(request.function);
  if (memory.verdict == MemoryBook::Verdict::kNever) {
    return {Answer::Kind::kRefused, Verdict::kNoMemory, std::nullopt};
  }
  const Verdict verdict = judge(request.function, memory, now).verdict;
  if (queue_.empty() && verdict == Verdict::kRun) return {Answer::Kind::kRuns, std::nullopt, std::nullopt};
  const auto refusal = queue_.refusalOf(waiterFor(request, memory), now);
  return {refusal ? Answer::Kind::kRefused : Answer::Kind::kWaits, verdict, refusal};
}

Admission::Answer Admission::arrive(const Request& request, TimePoint now) {
  const Answer answer = answerTo(request, now);
  if (answer.kind == Answer::Kind::kRuns) run(request.function);
  if (answer.kind == Answer::Kind::kWaits) {
    Waiter waiter = waiterFor(request, book_.offer(request.function));
    waiter.deadline = request.deadline - secondsOf(kLeastRoomToRun * functions_[request.function.value].usual_seconds);
    const auto refusal = queue_.offer(waiter, now);
    WASABI_CHECK(!refusal);
  }
  return answer;
}

std::optional<Waited> Admission::next(TimePoint now) {
  auto waited =
      queue_.next(now, [&](const Waiter& waiter) { return judge(waiter.function, book_.offer(waiter.function), now); });
  if (waited) run(waited->waiter.function);
  return waited;
}

void Admission::run(FunctionId id) {
  Function& function = functions_[id.value];
  book_.book(id);
  ++function.running;
  ++tenants_[function.terms.tenant.value].running;
  ++running_;
}

void Admission::ended(FunctionId id, ByteSize peak, DemandHistory::Seen seen, TimePoint since, TimePoint now) {
  Function& function = functions_[id.value];
  WASABI_CHECK(function.running > 0);
  book_.release(id);
  --function.running;
  --tenants_[function.terms.tenant.value].running;
  --running_;
  const double seconds = toSeconds(now - since);
  function.usual_seconds += (seconds - function.usual_seconds) * (function.usual_seconds == 0 ? 1 : kOfNewTime);
  if (!function.history) function.history = std::make_unique<DemandHistory>(now);
  if (function.history->record(peak, seen, now)) {
    book_.setEstimate(id, function.history->estimate(function.terms.memory));
  }
  queue_.ended(function.terms.tenant, id);
}

Waiter Admission::waiterFor(const Request& request, const MemoryBook::Offer& memory) const {
  const Function& function = functions_[request.function.value];
  const double seconds = function.usual_seconds > 0 ? function.usual_seconds : kUnknownSeconds;
  return {request.ticket,
          function.terms.tenant,
          request.function,
          memory.charge,
          static_cast<double>(memory.charge.value) * seconds,
          request.arrival,
          request.deadline - secondsOf(kExpectedRoomToRun * function.usual_seconds)};
}

// ---- explaining -----------------------------------------------------------------------------------------------------

Admission::Snapshot Admission::snapshotFor(const Request& request, TimePoint now) const {
  const Function& function = functions_[request.function.value];
  const Tenant& tenant = tenants_[function.terms.tenant.value];
  Snapshot snapshot;
  Explained& told = snapshot.told_;
  told.memory = book_.offer(request.function);
  snapshot.waiter_ = waiterFor(request, told.memory);
  told.left_to_run = request.deadline - snapshot.waiter_.deadline;
  snapshot.queue_ = queue_;
  snapshot.now_ = now;
  told.answer = answerTo(request, now);
  forEachObstacle(request.function, told.memory, now, [&](const Judgement& obstacle) {
    told.obstacles.push_back(obstacle);
    return true;
  });
  told.admitted_by_next = told.answer.kind == Answer::Kind::kWaits && told.answer.because == Verdict::kRun &&
                          wouldBeNext(snapshot.waiter_, now);
  told.share_of_memory = shares_.boundsOf(function.terms.tenant, told.memory.bookable.value);
  told.share_of_places = shares_.boundsOf(function.terms.tenant, most_running_);
  told.mode = book_.mode();
  told.capacity = book_.capacity();
  told.unbooked = book_.unbooked();
  told.booked = book_.booked();
  if (function.history) {
    told.estimate = function.history->estimate(function.terms.memory);
    told.observations = function.history->observations();
  }
  told.cpu = cpu_(request.function, now);
  told.terms = function.terms;
  told.running = function.running;
  told.running_of_tenant = tenant.running;
  told.tenant_concurrency = tenant.concurrency;
  told.running_in_all = running_;
  told.most_running = most_running_;
  told.bounds = queue_.bounds();
  told.tenants = tenantUses();
  return snapshot;
}

Admission::Explained Admission::Snapshot::explain() && {
  told_.queue = queue_.explain(waiter_, now_);
  return std::move(told_);
}

// Nobody else of those who wait could be admitted, or next() would have said so before.
bool Admission::wouldBeNext(const Waiter& waiter, TimePoint now) const {
  RequestQueue trial = queue_;
  if (trial.offer(waiter, now)) return false;
  const auto admitted =
      trial.next(now, [&](const Waiter& asked) { return judge(asked.function, book_.offer(asked.function), now); });
  return admitted && admitted->waiter.ticket == waiter.ticket;
}

std::vector<Admission::TenantUse> Admission::tenantUses() const {
  std::vector<TenantUse> uses(tenants_.size());
  for (const Function& function : functions_) {
    TenantUse& use = uses[function.terms.tenant.value];
    use.running += function.running;
    use.limits = use.limits + ByteSize{function.terms.memory.value * function.running};
  }
  for (std::uint32_t tenant = 0; tenant < uses.size(); ++tenant) {
    uses[tenant].tenant = {tenant};
    uses[tenant].waiting = queue_.waitingOf(TenantId{tenant});
  }
  std::erase_if(uses, [](const TenantUse& use) { return use.running == 0 && use.waiting == 0; });
  return uses;
}

}  // namespace wasabi::policy
