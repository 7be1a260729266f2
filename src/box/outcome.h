// How an invocation ended, and why: the words of the access log, the metrics and the Proxy-Status header.
#pragma once

#include <cstdint>
#include <string_view>

namespace wasabi::box {

// Coarse classes, one per reaction an operator has.
enum class Outcome : std::uint8_t {
  kOk,              // the function answered, whatever its status
  kRefused,         // never ran: the request, the caller's limits or our state forbade it
  kFunctionFailed,  // trap, exit code, limit of the function's own
  kTimeout,
  kCancelled,  // the client went away, or an operator ended it
  kHostFault,  // our fault
};
inline constexpr std::size_t kOutcomes = 6;

// The machine-readable reason: every one stands here. The text is stable; people's dashboards use it.
enum class Reason : std::uint8_t {
  kNone,
  kNoRoute,
  kBadPath,
  kMalformed,
  kNotReady,
  // Why a request waited for its admission; it was served, or the wait ended with one of the reasons below.
  kQueueOrder,
  kQueueMemory,
  kQueueCpu,
  kQueueCpuQuota,
  kQueueFunctionConcurrency,
  kQueueTenantConcurrency,
  kQueueTenantShare,
  kFunctionConcurrency,
  kTenantConcurrency,
  kCpuQuota,
  kQueueFull,
  kDeadline,
  kOverCapacity,
  kBadTimeout,
  kBoxFull,
  kRequestBodyLimit,
  kEvicted,
  kProgramInvalid,
  kProgramTooCostly,
  kProgramNotCompiled,
  kProgramUnavailable,
  kProgramWithdrawn,
  kExitCode,
  kTrap,
  kStackOverflow,
  kMemoryLimit,
  kResourceLimit,
  kResponseBodyLimit,
  kBadResponse,
  kNoResponse,
  kGuestError,
  kTimeout,
  kTimeoutLoading,
  kClientGone,
  kClientTooSlow,
  kCancelled,
  kHostFault,
  kStopped,
};
inline constexpr std::size_t kReasons = static_cast<std::size_t>(Reason::kStopped) + 1;

// Of these a request waits for one, before whatever it ends with; nothing ends with them.
inline constexpr Reason kFirstWait = Reason::kQueueOrder;
inline constexpr std::size_t kWaitReasons =
    static_cast<std::size_t>(Reason::kQueueTenantShare) - static_cast<std::size_t>(kFirstWait) + 1;
// Its number among them; kWaitReasons or more for what is none.
constexpr std::size_t waitNumber(Reason reason) {
  return static_cast<std::size_t>(reason) - static_cast<std::size_t>(kFirstWait);
}
constexpr bool isWait(Reason reason) {
  return waitNumber(reason) < kWaitReasons;
}

// Why a box turned a request of its gateway away: by the number of what it would have waited for, or since the version
// is not there.
inline constexpr std::size_t kNotHereNumber = kWaitReasons;
inline constexpr std::size_t kTurnedAwayReasons = kNotHereNumber + 1;

std::string_view toString(Outcome outcome);
std::string_view toString(Reason reason);

// The class and the status a reason leads to. The status is what the client sees if no head went out before.
Outcome outcomeOf(Reason reason);
std::uint16_t statusOf(Reason reason);

}  // namespace wasabi::box
