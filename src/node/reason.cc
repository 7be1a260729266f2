#include "node/reason.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>

namespace wasabi::node {
namespace {

struct ReasonFacts {
  Reason reason;
  std::string_view text;
  std::uint16_t status;
};

constexpr std::array kFacts = {
    ReasonFacts{Reason::kNone, "", 200},
    ReasonFacts{Reason::kQueueOrder, "queue.order", 503},
    ReasonFacts{Reason::kQueueRoom, "queue.room", 503},
    ReasonFacts{Reason::kQueueStarting, "queue.starting", 503},
    ReasonFacts{Reason::kQueueTurnedAway, "queue.turned_away", 503},
    ReasonFacts{Reason::kQueueFunctionConcurrency, "queue.function_concurrency", 503},
    ReasonFacts{Reason::kQueueTenantConcurrency, "queue.tenant_concurrency", 503},
    ReasonFacts{Reason::kQueueTenantMemory, "queue.tenant_memory", 503},
    ReasonFacts{Reason::kNoRoute, "refused.no_route", 404},
    ReasonFacts{Reason::kBadPath, "refused.bad_path", 400},
    ReasonFacts{Reason::kNotReady, "refused.not_ready", 503},
    ReasonFacts{Reason::kNoVersion, "refused.no_version", 503},
    ReasonFacts{Reason::kToken, "refused.token", 401},
    ReasonFacts{Reason::kVisibility, "refused.visibility", 403},
    ReasonFacts{Reason::kHops, "refused.hops", 508},
    ReasonFacts{Reason::kRequestRate, "refused.request_rate", 429},
    ReasonFacts{Reason::kBadTimeout, "refused.bad_timeout", 400},
    ReasonFacts{Reason::kFunctionConcurrency, "refused.function_concurrency", 429},
    ReasonFacts{Reason::kTenantConcurrency, "refused.tenant_concurrency", 429},
    ReasonFacts{Reason::kTenantMemory, "refused.tenant_memory", 429},
    ReasonFacts{Reason::kQueueFull, "refused.queue_full", 503},
    ReasonFacts{Reason::kDeadline, "refused.deadline", 503},
    ReasonFacts{Reason::kNotStarted, "refused.not_started", 503},
    ReasonFacts{Reason::kStartTimeout, "timeout.start", 504},
    ReasonFacts{Reason::kTargetDied, "target.died", 502},
    ReasonFacts{Reason::kTargetUnreachable, "target.unreachable", 502},
    ReasonFacts{Reason::kTargetNonsense, "target.bad_response", 502},
    ReasonFacts{Reason::kTimeout, "timeout.function", 504},
    ReasonFacts{Reason::kClientGone, "client.gone", 499},
    ReasonFacts{Reason::kClientTooSlow, "client.too_slow", 499},
    ReasonFacts{Reason::kStopped, "host.stopped", 503},
};

constexpr bool inOrder() {
  for (std::size_t i = 0; i < kFacts.size(); ++i) {
    if (static_cast<std::size_t>(kFacts[i].reason) != i) return false;
  }
  return kFacts.size() == kReasons;
}
static_assert(inOrder(), "kFacts must follow the order of Reason");

}  // namespace

std::string_view toString(Reason reason) {
  return kFacts[static_cast<std::size_t>(reason)].text;
}

std::uint16_t statusOf(Reason reason) {
  return kFacts[static_cast<std::size_t>(reason)].status;
}

Reason reasonOfWait(std::optional<policy::Verdict> verdict) {
  switch (verdict.value_or(policy::Verdict::kRun)) {
    case policy::Verdict::kNoMemory:
      return Reason::kQueueRoom;
    case policy::Verdict::kNotStarted:
      return Reason::kQueueStarting;
    case policy::Verdict::kTurnedAway:
      return Reason::kQueueTurnedAway;
    case policy::Verdict::kFunctionBusy:
      return Reason::kQueueFunctionConcurrency;
    case policy::Verdict::kTenantBusy:
      return Reason::kQueueTenantConcurrency;
    case policy::Verdict::kTenantMemory:
    case policy::Verdict::kNever:
      return Reason::kQueueTenantMemory;
    default:
      return Reason::kQueueOrder;
  }
}

Reason reasonOfRefusal(const policy::Dispatch::Answer& answer) {
  if (answer.refusal && answer.refusal->by == policy::RefusedBy::kDeadline) return Reason::kDeadline;
  switch (answer.because.value_or(policy::Verdict::kRun)) {
    case policy::Verdict::kFunctionBusy:
      return Reason::kFunctionConcurrency;
    case policy::Verdict::kTenantBusy:
      return Reason::kTenantConcurrency;
    case policy::Verdict::kTenantMemory:
    case policy::Verdict::kNever:
      return Reason::kTenantMemory;
    default:
      return Reason::kQueueFull;
  }
}

std::string explain(const policy::Dispatch::Beyond& beyond) {
  return fmt::format(
      "it may need {} (limits.memory), and all that runs of its tenant may have {} together: deploy it with less, or "
      "ask the operator for a larger memory quota",
      wasabi::toString(beyond.declared), wasabi::toString(beyond.limit));
}

Reason reasonOfFailure(policy::Replay::Reason reason) {
  switch (reason) {
    case policy::Replay::Reason::kUnreachable:
      return Reason::kTargetUnreachable;
    case policy::Replay::Reason::kNonsense:
      return Reason::kTargetNonsense;
    default:
      return Reason::kTargetDied;
  }
}

}  // namespace wasabi::node
