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

}  // namespace

Admission::Admission(const Settings& settings, CpuView cpu)
    : queue_(settings.queue),
      book_(settings.capacity, settings.mode),
      cpu_(std::move(cpu)),
      most_running_(settings.most_running) {}

void Admission::setSettings(const Settings& settings) {
  queue_.setBounds(settings.queue);
  book_.setCapacity(settings.capacity);
  book_.setMode(settings.mode);
  most_running_ = settings.most_running;
}

void Admission::setTenant(TenantId tenant, double weight, std::optional<std::uint32_t> concurrency) {
  if (tenants_.size() <= tenant.value) tenants_.resize(std::size_t{tenant.value} + 1);
  tenants_[tenant.value].concurrency = concurrency;
  queue_.setWeight(tenant, weight);
}

void Admission::setFunction(FunctionId id, const FunctionTerms& terms, Code code) {
  WASABI_CHECK(terms.tenant.value < tenants_.size());
  if (functions_.size() <= id.value) functions_.resize(std::size_t{id.value} + 1);
  Function& function = functions_[id.value];
  WASABI_CHECK(function.running == 0 || function.terms.tenant == terms.tenant);
  function.terms = terms;
  book_.setLimit(id, terms.memory);
  if (code == Code::kOther) {
    function.history.reset();
    function.usual_seconds = 0;
  }
  book_.setEstimate(id, function.history ? function.history->estimate(terms.memory) : std::nullopt);
}

// ---- the rules ------------------------------------------------------------------------------------------------------

// First what the caller can mend himself, then what is ours.
Judgement Admission::judge(FunctionId id, const MemoryBook::Offer& memory, TimePoint now) const {
  const Function& function = functions_[id.value];
  const Tenant& tenant = tenants_[function.terms.tenant.value];
  if (function.running >= function.terms.concurrency) return {Verdict::kFunctionBusy};
  if (tenant.concurrency && tenant.running >= *tenant.concurrency) return {Verdict::kTenantBusy};
  const CpuOutlook cpu = cpu_(id, now);
  if (cpu.over_quota_until) return {Verdict::kFunctionInDebt, *cpu.over_quota_until};
  if (running_ >= most_running_ || memory.verdict != MemoryBook::Verdict::kFits) return {Verdict::kNoMemory};
  if (cpu.backlogged) return {Verdict::kNoCpu};
  return {Verdict::kRun};
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
    const auto refusal = queue_.offer(waiterFor(request, book_.offer(request.function)), now);
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
          request.deadline};
}

Admission::Explained Admission::explain(const Request& request, TimePoint now) const {
  const Function& function = functions_[request.function.value];
  const Tenant& tenant = tenants_[function.terms.tenant.value];
  Explained explained{};
  explained.memory = book_.offer(request.function);
  if (function.history) explained.estimate = function.history->estimate(function.terms.memory);
  explained.cpu = cpu_(request.function, now);
  explained.running = function.running;
  explained.concurrency = function.terms.concurrency;
  explained.running_of_tenant = tenant.running;
  explained.tenant_concurrency = tenant.concurrency;
  explained.queue = queue_.explain(waiterFor(request, explained.memory), now);
  explained.answer = answerTo(request, now);
  return explained;
}

}  // namespace wasabi::policy
