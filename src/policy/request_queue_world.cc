#include "policy/request_queue_world.h"

#include <algorithm>
#include <iterator>

#include <rapidcheck.h>

namespace wasabi::policy {

World::World(const WorldPlan& plan) : queue(plan.bounds), plan_(plan), free_(plan.memory) {}

std::optional<Ticket> World::arrive(const Arrival& arrival) {
  Waiter waiter;
  waiter.ticket = ++last_;
  waiter.function = {arrival.function % functions()};
  waiter.tenant = tenantOf(waiter.function.value);
  waiter.memory = ByteSize{std::clamp<std::uint64_t>(arrival.memory, 1, plan_.memory)};
  waiter.cost = arrival.cost;
  waiter.arrival = now;
  waiter.deadline = now + arrival.patience;
  std::size_t of_tenant = 0;
  for (const auto& [ticket, other] : waiting) of_tenant += other.tenant == waiter.tenant ? 1 : 0;
  const bool full = lines_[waiter.function.value].size() >= plan_.bounds.function || of_tenant >= plan_.bounds.tenant ||
                    waiting.size() >= plan_.bounds.total ||
                    of_tenant >= RequestQueue::kShareOfFree * (plan_.bounds.total - waiting.size());
  const auto refusal = queue.offer(waiter, now);
  RC_ASSERT(full == (refusal && refusal->by != RefusedBy::kDeadline));
  if (refusal) {
    history.push_back("refused " + std::to_string(waiter.ticket));
    return std::nullopt;
  }
  waiting[waiter.ticket] = waiter;
  arrivals_[waiter.ticket] = arrival;
  lines_[waiter.function.value].emplace(waiter.arrival, waiter.ticket);
  longest_run = std::max(longest_run, arrival.runs);
  admitAll();
  return waiter.ticket;
}

void World::disconnect(std::size_t n) {
  if (waiting.empty()) return;
  const Waiter waiter = std::next(waiting.begin(), static_cast<std::ptrdiff_t>(n % waiting.size()))->second;
  const auto left = queue.remove(waiter.ticket, now);
  RC_ASSERT(left && left->waiter.ticket == waiter.ticket);
  RC_ASSERT(!queue.remove(waiter.ticket, now));
  leave(waiter, "gone ");
  admitAll();
}

void World::putInDebt(std::uint32_t function, Duration how_long) {
  TimePoint& until = debts_[function % functions()];
  until = std::max(until, now + how_long);
}

void World::advance(Duration by) {
  const TimePoint end = now + by;
  while (true) {
    const TimePoint due = queue.nextDue().value_or(end);
    const TimePoint ends = running_.empty() ? end : running_.begin()->first;
    if (std::min(due, ends) >= end) break;
    now = std::max(now, std::min(due, ends));
    if (ends <= now) endOne();
    admitAll();
  }
  now = end;
  admitAll();
}

void World::drain() {
  for (int i = 0; i < 100'000 && !waiting.empty(); ++i) advance(std::chrono::milliseconds(10));
  RC_ASSERT(waiting.empty());
  RC_ASSERT(queue.empty());
  RC_ASSERT(queue.waitingMemory() == ByteSize{0});
}

Judgement World::judge(const Waiter& head) const {
  const auto count = [](const std::map<std::uint32_t, std::size_t>& counts, std::uint32_t of) {
    const auto found = counts.find(of);
    return found == counts.end() ? 0 : found->second;
  };
  if (plan_.tenant_limit > 0 && count(running_of_tenant_, head.tenant.value) >= plan_.tenant_limit) {
    return {Verdict::kTenantBusy};
  }
  if (plan_.function_limit > 0 && count(running_of_function_, head.function.value) >= plan_.function_limit) {
    return {Verdict::kFunctionBusy};
  }
  const auto debt = debts_.find(head.function.value);
  if (debt != debts_.end() && debt->second > now) return {Verdict::kFunctionInDebt, debt->second};
  return {head.memory.value <= free_ ? Verdict::kRun : Verdict::kNoMemory};
}

void World::admitAll() {
  for (const Waited& expired : queue.expire(now)) {
    RC_ASSERT(expired.waiter.deadline <= now);
    leave(expired.waiter, "expired ");
  }
  while (true) {
    const auto blocked = queue.blockedHead(now);
    const auto next = queue.next(now, [this](const Waiter& head) { return judge(head); });
    if (!next) break;
    const Waiter& waiter = next->waiter;
    RC_ASSERT(lines_[waiter.function.value].begin()->second == waiter.ticket);
    RC_ASSERT(judge(waiter).verdict == Verdict::kRun);
    if (blocked && blocked->waiter.ticket != waiter.ticket) {
      // Unless its own limits held it meanwhile, nobody passes one that may not be overtaken.
      const Verdict verdict = judge(blocked->waiter).verdict;
      if (verdict == Verdict::kRun || verdict == Verdict::kNoMemory) RC_ASSERT(blocked->may_be_overtaken);
      if (verdict == Verdict::kNoMemory) {
        RC_ASSERT(++overtaken_[blocked->waiter.ticket] <= RequestQueue::kOvertakings);
      }
    }
    on_admission(waiter, blocked && blocked->waiter.ticket == waiter.ticket && !blocked->may_be_overtaken);
    leave(waiter, "admitted ");
    waited[waiter.ticket] = now - waiter.arrival;
    begin(waiter);
  }
  check();
}

void World::begin(const Waiter& waiter) {
  free_ -= waiter.memory.value;
  ++running_of_function_[waiter.function.value];
  ++running_of_tenant_[waiter.tenant.value];
  const Duration runs = std::max<Duration>(arrivals_.at(waiter.ticket).runs, std::chrono::milliseconds(1));
  running_.emplace(now + runs, Running{waiter.function.value, waiter.memory.value});
}

void World::endOne() {
  const Running ended = running_.begin()->second;
  running_.erase(running_.begin());
  free_ += ended.memory;
  --running_of_function_[ended.function];
  --running_of_tenant_[tenantOf(ended.function).value];
  queue.ended(tenantOf(ended.function), {ended.function});
}

void World::leave(const Waiter& waiter, const char* how) {
  RC_ASSERT(waiting.erase(waiter.ticket) == 1u);
  RC_ASSERT(lines_[waiter.function.value].erase({waiter.arrival, waiter.ticket}) == 1u);
  history.push_back(how + std::to_string(waiter.ticket));
  on_departure();
}

// The queue has nobody to admit.
void World::check() {
  RC_ASSERT(queue.size() == waiting.size());
  RC_ASSERT(queue.size() <= plan_.bounds.total);
  std::map<std::uint32_t, std::size_t> of_tenants;
  for (const auto& [function, line] : lines_) {
    RC_ASSERT(queue.waitingOf(FunctionId{function}) == line.size());
    RC_ASSERT(line.size() <= plan_.bounds.function);
    of_tenants[tenantOf(function).value] += line.size();
  }
  for (const auto& [tenant, count] : of_tenants) {
    RC_ASSERT(queue.waitingOf(TenantId{tenant}) == count);
    RC_ASSERT(count <= plan_.bounds.tenant);
  }
  const auto blocked = queue.blockedHead(now);
  if (blocked) {
    longest_block = std::max(longest_block, now - blocked->since);
    RC_ASSERT(judge(blocked->waiter).verdict != Verdict::kRun);
    if (!blocked->may_be_overtaken) return;
  }
  // Work-conserving: nobody who could run waits (the lines here are fewer than kLookAhead).
  for (const auto& [function, line] : lines_) {
    if (!line.empty()) RC_ASSERT(judge(waiting.at(line.begin()->second)).verdict != Verdict::kRun);
  }
}

}  // namespace wasabi::policy
