#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "box/why.h"

namespace wasabi::box {
namespace {

using policy::BookingMode;
using policy::RefusedBy;
using policy::Verdict;
using Kind = AdmissionDesk::Answer::Kind;
using Told = policy::Admission::Explained;

constexpr std::size_t kTenantsNamed = 5;

// To three digits: nobody reads more.
std::string text(ByteSize size) {
  const auto bytes = static_cast<double>(size.value);
  for (const auto& [unit, factor] : {std::pair{"GiB", 0x1p30}, {"MiB", 0x1p20}, {"KiB", 0x1p10}}) {
    if (bytes >= factor) return fmt::format("{:.4g} {}", bytes / factor, unit);
  }
  return fmt::format("{} B", size.value);
}

std::string text(Duration duration) {
  const double seconds = toSeconds(duration);
  if (seconds < 0.9995) return fmt::format("{:.3g} ms", seconds * 1e3);
  return seconds < 999.5 ? fmt::format("{:.3g} s", seconds) : fmt::format("{:.0f} s", seconds);
}

std::string_view waitedFor(Verdict verdict) {
  switch (verdict) {
    case Verdict::kRun:
      return "its turn";
    case Verdict::kNoMemory:
      return "memory";
    case Verdict::kNoCpu:
      return "the workers to catch up";
    case Verdict::kFunctionBusy:
      return "an invocation of its function to end";
    case Verdict::kFunctionInDebt:
      return "its function's CPU quota to be refilled";
    case Verdict::kTenantBusy:
      return "an invocation of its tenant to end";
    case Verdict::kOverShare:
      return "room that is not kept for other tenants";
    case Verdict::kNotStarted:
      return "somebody to serve it";
    case Verdict::kTurnedAway:
      return "those that serve it to take it";
    case Verdict::kTenantMemory:
    case Verdict::kNever:
      return "its tenant's memory quota";
  }
  return "its turn";
}

// ---- what would become of it ----------------------------------------------------------------------------------------

std::string refusalText(const Why& why) {
  const Told& told = why.explained.policy;
  if (!told.answer.refusal) return "its memory limit is more than the capacity, so it can never run here";
  const policy::Refusal& refusal = *told.answer.refusal;
  const policy::Explanation& queue = told.queue;
  switch (refusal.by) {
    case RefusedBy::kFunctionBound:
      return fmt::format("{} requests of its function wait already, of at most {}", queue.waiting_of_function,
                         told.bounds.function);
    case RefusedBy::kTenantBound:
      return fmt::format("{} requests of its tenant wait already, of at most {}", queue.waiting_of_tenant,
                         told.bounds.tenant);
    case RefusedBy::kTotalBound:
      return fmt::format("{} requests wait already, of at most {}, and few places are left for a tenant that has {}",
                         queue.waiting, told.bounds.total, queue.waiting_of_tenant);
    case RefusedBy::kDeadline:
      break;
  }
  std::string time = text(why.patience);
  if (told.left_to_run > Duration{}) time += fmt::format(", of which {} are left for running", text(told.left_to_run));
  return fmt::format("it would wait for {} ({}), and has {}", waitedFor(told.answer.because.value_or(Verdict::kRun)),
                     refusal.expected_wait ? text(*refusal.expected_wait) + " expected" : "nobody knows how long",
                     time);
}

std::string answerText(const Why& why) {
  const AdmissionDesk::Answer& answer = why.explained.answer;
  const Told& told = why.explained.policy;
  const std::string subject = fmt::format("a request to {} ", why.function->name.toString());
  if (answer.kind == Kind::kRuns) return subject + "would run now";
  if (told.admitted_by_next) return subject + "would run now: it may overtake those who wait and find no room";
  if (answer.kind == Kind::kRefused) {
    return fmt::format("{}would be refused with {} ({}): {}", subject, statusOf(answer.reason), toString(answer.reason),
                       refusalText(why));
  }
  return fmt::format("{}would wait for {} ({})", subject, waitedFor(told.answer.because.value_or(Verdict::kRun)),
                     toString(answer.reason));
}

// ---- how things stand -----------------------------------------------------------------------------------------------

std::string modeText(const BookingMode& mode) {
  switch (mode.kind) {
    case BookingMode::Kind::kDeclared:
      return "declared";
    case BookingMode::Kind::kRatio:
      return fmt::format("ratio {}", mode.ratio);
    case BookingMode::Kind::kRisk:
      return fmt::format("risk {}", mode.risk);
  }
  return "";
}

std::string memoryText(const Told& told) {
  std::string out =
      fmt::format("memory: {} of {} booked (capacity {}, {} held outside of invocations, mode {}); ", text(told.booked),
                  text(told.memory.bookable), text(told.capacity), text(told.unbooked), modeText(told.mode));
  out += fmt::format("this one would add {}", text(told.memory.charge));
  if (told.mode.kind != BookingMode::Kind::kRisk) return out + ", its declared limit";
  if (const auto& estimate = told.estimate) {
    return out + fmt::format(": {} peaks were seen, {} on average, {} at most; its limit is {}", told.observations,
                             text(estimate->mean), text(estimate->bound), text(told.terms.memory));
  }
  return out + fmt::format(": its declared limit is {}, and an estimate needs {} peaks, of which {} were seen",
                           text(told.terms.memory), policy::DemandHistory::kNeededObservations, told.observations);
}

std::string shareText(const Told& told) {
  const auto& bounds = told.share_of_memory;
  const std::string held = text(told.memory.held);
  const std::string share = text(ByteSize{bounds.share});
  if (told.memory.held.value <= bounds.share) {
    return fmt::format("share: its tenant would hold {} of its share of {}", held, share);
  }
  return fmt::format("share: its tenant would hold {}, which is more than its share of {}; {} are kept for others",
                     held, share, text(ByteSize{bounds.kept}));
}

std::string concurrencyText(const Told& told) {
  const std::string of_tenant =
      told.tenant_concurrency ? fmt::format("of at most {}", *told.tenant_concurrency) : "with no bound of its own";
  return fmt::format("concurrency: {} of at most {} of the function run, {} of its tenant {}, {} of at most {} in all",
                     told.running, told.terms.concurrency, told.running_of_tenant, of_tenant, told.running_in_all,
                     told.most_running);
}

std::string cpuText(const Why& why) {
  const Scheduler::Outlook& slice = why.explained.first_slice;
  std::string out = fmt::format("CPU: the backlog would let it begin in {}", text(slice.by_share));
  if (why.function->limits.cpu) {
    out += fmt::format(", its quota of {} in {}", toString(Cores{*why.function->limits.cpu}), text(slice.by_quota));
  }
  return out + fmt::format("; above {} it waits in the queue", text(why.explained.cpu_backlog));
}

std::string queueText(const policy::Explanation& queue) {
  if (queue.waiting == 0) return "queue: nobody waits";
  const std::string wait = queue.expected_wait ? fmt::format("it would wait {}", text(*queue.expected_wait))
                                               : "how long it would wait is not known yet";
  return fmt::format("queue: {} wait, {} of its tenant, {} of its function; {} would come before it; {}", queue.waiting,
                     queue.waiting_of_tenant, queue.waiting_of_function, queue.ahead, wait);
}

std::string blockedText(const Why& why, const policy::BlockedHead& head) {
  return fmt::format("blocked head: a request to {} waits for {}, has been overtaken {} times and {}", why.blocked_head,
                     waitedFor(head.waits_for), head.overtaken,
                     head.may_be_overtaken ? "may still be" : "may not be any more");
}

std::string holdersText(const std::vector<Why::Tenant>& tenants) {
  std::string out = "tenants: ";
  const std::size_t named = std::min(tenants.size(), kTenantsNamed);
  for (std::size_t i = 0; i < named; ++i) {
    fmt::format_to(std::back_inserter(out), "{}{} runs {} (limits {}), {} wait", i == 0 ? "" : "; ", tenants[i].name,
                   tenants[i].running, text(tenants[i].limits), tenants[i].waiting);
  }
  if (tenants.size() > named) fmt::format_to(std::back_inserter(out), "; and {} more", tenants.size() - named);
  return out;
}

// ---- what would have to change --------------------------------------------------------------------------------------

std::string roomText(const Told& told) {
  if (told.running_in_all >= told.most_running) return "an invocation of any function ends (limits.invocations)";
  if (told.memory.verdict == policy::MemoryBook::Verdict::kNever) {
    return fmt::format("capacity.memory is {} or more, or limits.memory of the function {} or less; no wait helps",
                       text(told.terms.memory), text(told.capacity));
  }
  return fmt::format("{} of booked memory come free by invocations that end, or capacity.memory is raised",
                     text(told.memory.booked - told.memory.bookable));
}

std::string shareChangeText(const Why& why) {
  const Told& told = why.explained.policy;
  const policy::TenantShares::Bounds& places = told.share_of_places;
  const std::uint64_t running = std::uint64_t{told.running_of_tenant} + 1;
  const std::uint64_t wanted = told.running_in_all + 1 + places.kept;
  if (running > places.share && wanted > told.most_running) {
    return fmt::format("{} invocations end, or {} of the tenant's own (limits.invocations, memory.for_others)",
                       wanted - told.most_running, running - places.share);
  }
  const std::uint64_t free_up = told.memory.booked.value + told.share_of_memory.kept - told.memory.bookable.value;
  return fmt::format(
      "{} of booked memory come free, or {} of what the tenant itself holds (memory.for_others, "
      "tenants.{}.weight)",
      text(ByteSize{free_up}), text(ByteSize{told.memory.held.value - told.share_of_memory.share}),
      why.function->name.tenant);
}

std::string changeText(const Why& why, Verdict obstacle) {
  const Told& told = why.explained.policy;
  switch (obstacle) {
    case Verdict::kRun:
    case Verdict::kNotStarted:
    case Verdict::kTurnedAway:
    case Verdict::kTenantMemory:
    case Verdict::kNever:
      break;
    case Verdict::kNoMemory:
      return roomText(told);
    case Verdict::kNoCpu:
      return fmt::format("the backlog of the workers falls from {} to {} (cpu.backlog)",
                         text(why.explained.first_slice.by_share), text(why.explained.cpu_backlog));
    case Verdict::kFunctionBusy:
      return fmt::format("{} of the function's invocations end (limits.concurrency is {})",
                         told.running - told.terms.concurrency + 1, told.terms.concurrency);
    case Verdict::kTenantBusy:
      return fmt::format("{} of the tenant's invocations end (tenants.{}.concurrency is {})",
                         told.running_of_tenant - *told.tenant_concurrency + 1, why.function->name.tenant,
                         *told.tenant_concurrency);
    case Verdict::kOverShare:
      return shareChangeText(why);
    case Verdict::kFunctionInDebt:
      return fmt::format("the function's CPU quota (limits.cpu) is refilled, {} from now if nothing else of it runs",
                         text(why.explained.first_slice.by_quota - why.explained.cpu_backlog));
  }
  return {};
}

std::vector<std::string> changesOf(const Why& why) {
  const Told& told = why.explained.policy;
  std::vector<std::string> changes;
  if (why.explained.answer.kind == Kind::kRuns || told.admitted_by_next) return changes;
  for (const policy::Judgement& obstacle : told.obstacles) changes.push_back(changeText(why, obstacle.verdict));
  if (told.queue.ahead > 0) changes.push_back(fmt::format("the {} that come before it are admitted", told.queue.ahead));
  if (const auto& refusal = told.answer.refusal) {
    changes.push_back(refusal->by == RefusedBy::kDeadline
                          ? "or, to be let into the queue: it has more time (Wasabi-Timeout, limits.timeout)"
                          : "or, to be let into the queue: others leave it, or its bounds (queue.*) are raised");
  }
  return changes;
}

}  // namespace

WhyWords wordsOf(const Why& why) {
  const Told& told = why.explained.policy;
  WhyWords words{answerText(why), {}, changesOf(why)};
  words.because = {memoryText(told), concurrencyText(told), cpuText(why), queueText(told.queue)};
  if (told.share_of_memory.kept > 0) words.because.insert(words.because.begin() + 1, shareText(told));
  if (const auto& head = told.queue.blocked_head) words.because.push_back(blockedText(why, *head));
  if (!why.tenants.empty()) words.because.push_back(holdersText(why.tenants));
  if (!why.program_loaded) words.because.emplace_back("program: not loaded; the first request waits for it");
  return words;
}

}  // namespace wasabi::box
