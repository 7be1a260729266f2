#include "policy/request_queue.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace wasabi::policy {
namespace {

using Answer = WaitingLines::Answer;

// An own limit that is said to be over already would have its function asked again and again.
constexpr Duration kAskAgainAtTheEarliest = std::chrono::milliseconds(1);

// Longer than any deadline: what is left for a tenant of tiny weight need not fit a Duration.
constexpr double kLongestWait = 1e9;  // seconds

AdmissionRate& at(std::vector<AdmissionRate>& rates, std::uint32_t number) {
  if (number >= rates.size()) rates.resize(std::size_t{number} + 1);
  return rates[number];
}

std::optional<double> knownRate(const std::vector<AdmissionRate>& rates, std::uint32_t number, TimePoint now) {
  return number < rates.size() ? rates[number].perSecond(now) : std::nullopt;
}

std::optional<Duration> timeFor(std::size_t ahead, std::optional<double> per_second) {
  if (!per_second) return std::nullopt;
  const double seconds = std::min(static_cast<double>(ahead) / *per_second, kLongestWait);
  return std::chrono::ceil<Duration>(std::chrono::duration<double>(seconds));
}

std::chrono::seconds retryAfter(Duration wait) {
  return std::clamp(std::chrono::ceil<std::chrono::seconds>(wait), std::chrono::seconds(1),
                    RequestQueue::kMaxRetryAfter);
}

}  // namespace

std::optional<Refusal> RequestQueue::offer(const Waiter& waiter, TimePoint now) {
  if (auto refusal = refusalOf(waiter, now)) return refusal;
  enqueue(waiter, now);
  return std::nullopt;
}

std::optional<Refusal> RequestQueue::refusalOf(const Waiter& waiter, TimePoint now) const {
  const std::optional<Duration> wait = expectedWait(waiter.tenant, waiter.function, now);
  if (const auto bound = fullFor(waiter)) {
    Refusal refusal{*bound, std::nullopt, wait};
    const bool never = bounds_.function == 0 || bounds_.tenant == 0 || bounds_.total == 0;
    if (!never) refusal.retry_after = retryAfter(wait.value_or(Duration{}));
    return refusal;
  }
  // One without time to wait can run when it need not wait.
  const Duration left = std::max(waiter.deadline - now, Duration{});
  const Duration expected = wait.value_or(Duration{});
  if (left > Duration{} && expected <= left) return std::nullopt;
  return Refusal{RefusedBy::kDeadline, retryAfter(expected - left), wait};
}

std::optional<RefusedBy> RequestQueue::fullFor(const Waiter& waiter) const {
  const std::size_t of_tenant = lines_.waitingOf(waiter.tenant);
  if (lines_.waitingOf(waiter.function) >= bounds_.function) return RefusedBy::kFunctionBound;
  if (of_tenant >= bounds_.tenant) return RefusedBy::kTenantBound;
  if (size() >= bounds_.total) return RefusedBy::kTotalBound;
  if (of_tenant / kShareOfFree >= bounds_.total - size()) return RefusedBy::kTotalBound;
  return std::nullopt;
}

std::optional<Duration> RequestQueue::expectedWait(TenantId tenant, FunctionId function, TimePoint now) const {
  return timeFor(lines_.waitingOf(function), rateOf(tenant, function, now));
}

std::optional<double> RequestQueue::rateOf(TenantId tenant, FunctionId function, TimePoint now) const {
  if (const auto own = knownRate(function_rates_, function.value, now)) return own;
  const double share = lines_.shareOf(tenant, function);
  if (const auto of_tenant = knownRate(tenant_rates_, tenant.value, now)) return *of_tenant * share;
  if (const auto of_all = rate_.perSecond(now)) return *of_all * lines_.shareOf(tenant) * share;
  return std::nullopt;
}

void RequestQueue::enqueue(const Waiter& waiter, TimePoint now) {
  const auto place = lines_.add(waiter.tenant, waiter.function, waiter.arrival, waiter.ticket);
  const bool fresh = waiting_.emplace(waiter.ticket, Record{waiter, place, {}, {}, 0, {}}).second;
  WASABI_CHECK(fresh);
  deadlines_.emplace(waiter.deadline, waiter.ticket);
  memory_ = memory_ + waiter.memory;
  if (size() == 1) rate_.waitingBegins(now);
  if (lines_.waitingOf(waiter.tenant) == 1) at(tenant_rates_, waiter.tenant.value).waitingBegins(now);
  if (lines_.waitingOf(waiter.function) == 1) at(function_rates_, waiter.function.value).waitingBegins(now);
}

std::optional<Waited> RequestQueue::next(TimePoint now, const Judge& judge) {
  searched_ = now;
  if (empty()) return std::nullopt;
  lines_.wakeDue(now);
  if (blocked_ && !mayBeOvertaken(waiting_.at(*blocked_), now)) {
    if (auto admitted = askBlocked(now, judge)) return admitted;
    if (blocked_) return std::nullopt;
  }
  return search(now, judge);
}

std::optional<Waited> RequestQueue::search(TimePoint now, const Judge& judge) {
  std::optional<Ticket> chosen;
  std::size_t without_room = 0;
  bool asked_blocked = false;
  lines_.askInOrder([&](Ticket ticket) {
    WaitingLines::Reply reply = ask(waiting_.at(ticket), now, judge);
    if (reply.answer == Answer::kTaken) chosen = ticket;
    if (blocked_ == ticket) asked_blocked = true;
    if (reply.answer == Answer::kNext && ++without_room == kLookAhead) reply.answer = Answer::kStop;
    return reply;
  });
  if (chosen) return admit(*chosen, now);
  // Others that came before it in the order since, all without room, must not keep it from being asked.
  if (blocked_ && !asked_blocked) return askBlocked(now, judge);
  return std::nullopt;
}

// Wherever in the order it stands.
std::optional<Waited> RequestQueue::askBlocked(TimePoint now, const Judge& judge) {
  const Ticket ticket = *blocked_;
  Record& record = waiting_.at(ticket);
  const WaitingLines::Reply reply = ask(record, now, judge);
  if (reply.answer == Answer::kTaken) return admit(ticket, now);
  if (reply.answer == Answer::kSetFunctionAside) lines_.setAside(record.waiter.function, reply.aside);
  if (reply.answer == Answer::kSetTenantAside) lines_.setAside(record.waiter.tenant, reply.aside);
  return std::nullopt;
}

WaitingLines::Reply RequestQueue::ask(Record& record, TimePoint now, const Judge& judge) {
  const Judgement said = judge(record.waiter);
  if (said.verdict != Verdict::kRun) record.waited_for = said.verdict;
  const Ticket ticket = record.waiter.ticket;
  if (said.verdict == Verdict::kRun) return {Answer::kTaken};
  if (said.verdict == Verdict::kNoMemory) {
    if (!blocked_) blocked_ = ticket;
    if (blocked_ != ticket) return {Answer::kNext};
    if (!record.blocked_since) record.blocked_since = now;
    return {mayBeOvertaken(record, now) ? Answer::kNext : Answer::kStop};
  }
  if (blocked_ == ticket) blocked_.reset();
  return setAside(record, said, now);
}

WaitingLines::Reply RequestQueue::setAside(Record& record, const Judgement& said, TimePoint now) {
  using For = WaitingLines::AsideFor;
  const TimePoint late = now + kAskAgain;
  if (said.verdict == Verdict::kOverShare || said.verdict == Verdict::kTenantMemory) {
    if (!record.behind_own_since) record.behind_own_since = now;
    const For what = said.verdict == Verdict::kOverShare ? For::kRoom : For::kTenantRoom;
    if (now - *record.behind_own_since < kOvertakingTime) return {Answer::kSetFunctionAside, {late, what}};
    lines_.putFirst(record.waiter.function);
    return {Answer::kSetTenantAside, {late, what}};
  }
  lines_.putBack(record.waiter.function);
  // Its line for the CPU also gets shorter without anybody's end.
  const TimePoint wanted = said.verdict == Verdict::kNoCpu ? now : said.until;
  const TimePoint until = std::clamp(wanted, now + kAskAgainAtTheEarliest, late);
  return {said.verdict == Verdict::kTenantBusy ? Answer::kSetTenantAside : Answer::kSetFunctionAside, {until}};
}

bool RequestQueue::mayBeOvertaken(const Record& record, TimePoint now) const {
  return record.overtaken < kOvertakings && now - *record.blocked_since < kOvertakingTime;
}

Waited RequestQueue::admit(Ticket ticket, TimePoint now) {
  if (blocked_ && blocked_ != ticket) ++waiting_.at(*blocked_).overtaken;
  const Record& record = waiting_.at(ticket);
  rate_.admitted(now);
  at(tenant_rates_, record.waiter.tenant.value).admitted(now);
  at(function_rates_, record.waiter.function.value).admitted(now);
  lines_.charge(record.waiter.function, record.waiter.cost);
  return takeOut(ticket, now);
}

Waited RequestQueue::takeOut(Ticket ticket, TimePoint now) {
  const auto node = waiting_.extract(ticket);
  WASABI_CHECK(!node.empty());
  const Record& record = node.mapped();
  const Waiter& waiter = record.waiter;
  lines_.remove(waiter.function, record.place);
  if (record.behind_own_since) lines_.putBack(waiter.function);
  deadlines_.erase({waiter.deadline, ticket});
  memory_ = memory_ - waiter.memory;
  if (blocked_ == ticket) blocked_.reset();
  if (empty()) rate_.waitingEnds(now);
  if (lines_.waitingOf(waiter.tenant) == 0) at(tenant_rates_, waiter.tenant.value).waitingEnds(now);
  if (lines_.waitingOf(waiter.function) == 0) at(function_rates_, waiter.function.value).waitingEnds(now);
  return {waiter, record.waited_for};
}

void RequestQueue::ended(TenantId tenant, FunctionId function) {
  lines_.wake(function);
  lines_.wake(tenant);
  lines_.wakeForRoomOf(tenant, kLookAhead);
  lines_.wakeForRoom(kLookAhead);
}

std::optional<Waited> RequestQueue::remove(Ticket ticket, TimePoint now) {
  if (!waiting_.contains(ticket)) return std::nullopt;
  return takeOut(ticket, now);
}

std::optional<Verdict> RequestQueue::waitsFor(FunctionId function) const {
  const auto head = lines_.headOf(function);
  return head ? waiting_.at(*head).waited_for : std::nullopt;
}

std::vector<Waited> RequestQueue::expire(TimePoint now) {
  std::vector<Waited> expired;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    expired.push_back(takeOut(deadlines_.begin()->second, now));
  }
  return expired;
}

std::optional<TimePoint> RequestQueue::nextDue() const {
  if (empty()) return std::nullopt;
  const TimePoint due = std::min(deadlines_.begin()->first, searched_ + kAskAgain);
  return std::min(due, lines_.nextWake().value_or(due));
}

std::optional<BlockedHead> RequestQueue::blockedHead(TimePoint now) const {
  if (!blocked_) return std::nullopt;
  const Record& record = waiting_.at(*blocked_);
  return BlockedHead{record.waiter, *record.waited_for, *record.blocked_since, record.overtaken,
                     mayBeOvertaken(record, now)};
}

Explanation RequestQueue::explain(const Waiter& request, TimePoint now) const {
  Explanation answer;
  answer.refusal = refusalOf(request, now);
  answer.ahead = aheadOf(request, now);
  answer.waiting_of_function = waitingOf(request.function);
  answer.waiting_of_tenant = waitingOf(request.tenant);
  answer.waiting = size();
  answer.expected_wait = answer.waiting_of_function > 0 ? expectedWait(request.tenant, request.function, now)
                                                        : timeFor(answer.ahead, rate_.perSecond(now));
  answer.function_waits_for = waitsFor(request.function);
  answer.blocked_head = blockedHead(now);
  return answer;
}

std::size_t RequestQueue::aheadOf(Waiter request, TimePoint now) const {
  RequestQueue trial = *this;
  request.ticket = std::numeric_limits<Ticket>::max();
  while (waiting_.contains(request.ticket)) --request.ticket;
  request.arrival = now;
  trial.enqueue(request, now);
  // Its own limits are not what is asked for here.
  trial.ended(request.tenant, request.function);
  const Judge all_fit = [](const Waiter&) { return Judgement{Verdict::kRun}; };
  std::size_t ahead = 0;
  while (trial.next(now, all_fit)->waiter.ticket != request.ticket) ++ahead;
  return ahead;
}

void RequestQueue::forget(FunctionId function) {
  lines_.forget(function);
  if (function.value < function_rates_.size()) function_rates_[function.value] = {};
}

void RequestQueue::forget(TenantId tenant) {
  lines_.forget(tenant);
  if (tenant.value < tenant_rates_.size()) tenant_rates_[tenant.value] = {};
}

}  // namespace wasabi::policy
