#include "box/outcome.h"

#include <array>

namespace wasabi::box {
namespace {

struct ReasonFacts {
  Reason reason;
  std::string_view text;
  Outcome outcome;
  std::uint16_t status;
};

// 499 is never sent: it marks in logs that nobody was left to answer.
constexpr std::array<ReasonFacts, kReasons> kFacts = {{
    {Reason::kNone, "", Outcome::kOk, 200},
    {Reason::kNoRoute, "refused.no_route", Outcome::kRefused, 404},
    {Reason::kBadPath, "refused.bad_path", Outcome::kRefused, 400},
    {Reason::kMalformed, "refused.malformed", Outcome::kRefused, 400},
    {Reason::kNotReady, "refused.not_ready", Outcome::kRefused, 503},
    {Reason::kQueueOrder, "queue.order", Outcome::kRefused, 503},
    {Reason::kQueueMemory, "queue.memory", Outcome::kRefused, 503},
    {Reason::kQueueCpu, "queue.cpu", Outcome::kRefused, 503},
    {Reason::kQueueCpuQuota, "queue.cpu_quota", Outcome::kRefused, 503},
    {Reason::kQueueFunctionConcurrency, "queue.function_concurrency", Outcome::kRefused, 503},
    {Reason::kQueueTenantConcurrency, "queue.tenant_concurrency", Outcome::kRefused, 503},
    {Reason::kQueueTenantShare, "queue.tenant_share", Outcome::kRefused, 503},
    {Reason::kFunctionConcurrency, "refused.function_concurrency", Outcome::kRefused, 429},
    {Reason::kTenantConcurrency, "refused.tenant_concurrency", Outcome::kRefused, 429},
    {Reason::kCpuQuota, "refused.cpu_quota", Outcome::kRefused, 429},
    {Reason::kQueueFull, "refused.queue_full", Outcome::kRefused, 503},
    {Reason::kDeadline, "refused.deadline", Outcome::kRefused, 503},
    {Reason::kOverCapacity, "refused.over_capacity", Outcome::kRefused, 503},
    {Reason::kBadTimeout, "refused.bad_timeout", Outcome::kRefused, 400},
    {Reason::kBoxFull, "refused.box_full", Outcome::kRefused, 503},
    {Reason::kRequestBodyLimit, "refused.request_body", Outcome::kRefused, 413},
    {Reason::kEvicted, "evicted.memory_pressure", Outcome::kHostFault, 503},
    {Reason::kProgramInvalid, "program.invalid", Outcome::kFunctionFailed, 500},
    {Reason::kProgramTooCostly, "program.too_costly", Outcome::kFunctionFailed, 500},
    {Reason::kProgramNotCompiled, "program.not_compiled", Outcome::kRefused, 503},
    {Reason::kProgramUnavailable, "program.unavailable", Outcome::kHostFault, 503},
    {Reason::kProgramWithdrawn, "program.withdrawn", Outcome::kHostFault, 503},
    {Reason::kExitCode, "function.exit_code", Outcome::kFunctionFailed, 500},
    {Reason::kTrap, "function.trap", Outcome::kFunctionFailed, 500},
    {Reason::kStackOverflow, "function.stack_overflow", Outcome::kFunctionFailed, 500},
    {Reason::kMemoryLimit, "function.memory_limit", Outcome::kFunctionFailed, 500},
    {Reason::kResourceLimit, "function.resource_limit", Outcome::kFunctionFailed, 500},
    {Reason::kResponseBodyLimit, "function.response_body_limit", Outcome::kFunctionFailed, 500},
    {Reason::kBadResponse, "function.bad_response", Outcome::kFunctionFailed, 500},
    {Reason::kNoResponse, "function.no_response", Outcome::kFunctionFailed, 500},
    {Reason::kGuestError, "function.error", Outcome::kFunctionFailed, 500},
    {Reason::kTimeout, "timeout.function", Outcome::kTimeout, 504},
    {Reason::kTimeoutLoading, "timeout.loading", Outcome::kTimeout, 504},
    {Reason::kClientGone, "client.gone", Outcome::kCancelled, 499},
    {Reason::kClientTooSlow, "client.too_slow", Outcome::kCancelled, 499},
    {Reason::kCancelled, "operator.cancelled", Outcome::kCancelled, 503},
    {Reason::kHostFault, "host.fault", Outcome::kHostFault, 500},
    {Reason::kStopped, "host.stopped", Outcome::kHostFault, 503},
}};

constexpr bool inOrder() {
  for (std::size_t i = 0; i < kFacts.size(); ++i) {
    if (static_cast<std::size_t>(kFacts[i].reason) != i) return false;
  }
  return true;
}
static_assert(inOrder(), "kFacts must follow the order of Reason");

const ReasonFacts& factsOf(Reason reason) {
  return kFacts[static_cast<std::size_t>(reason)];
}

}  // namespace

std::string_view toString(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk:
      return "ok";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kFunctionFailed:
      return "function_failed";
    case Outcome::kTimeout:
      return "timeout";
    case Outcome::kCancelled:
      return "cancelled";
    case Outcome::kHostFault:
      return "host_fault";
  }
  return "unknown";
}

std::string_view toString(Reason reason) {
  return factsOf(reason).text;
}
Outcome outcomeOf(Reason reason) {
  return factsOf(reason).outcome;
}
std::uint16_t statusOf(Reason reason) {
  return factsOf(reason).status;
}

}  // namespace wasabi::box
