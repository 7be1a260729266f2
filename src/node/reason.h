// Why a request ended as it did at the gateway, where it was not its function that answered. The words are those of the
// access log, the metrics and Proxy-Status; where a box says the same, it is the same word (docs/box.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "policy/dispatch.h"
#include "policy/replay.h"

namespace wasabi::node {

enum class Reason : std::uint8_t {
  kNone,
  // Why it waited.
  kQueueOrder,
  kQueueRoom,
  kQueueStarting,
  kQueueTurnedAway,
  kQueueFunctionConcurrency,
  kQueueTenantConcurrency,
  kQueueTenantMemory,
  // Why it was not taken.
  kNoRoute,
  kBadPath,
  kNotReady,
  kNoVersion,
  kToken,
  kVisibility,
  kHops,
  kRequestRate,
  kBadTimeout,
  // Why it got no place.
  kFunctionConcurrency,
  kTenantConcurrency,
  kTenantMemory,
  kQueueFull,
  kDeadline,
  kNotStarted,
  kStartTimeout,
  // Why the one that served it did not end it well.
  kTargetDied,
  kTargetUnreachable,
  kTargetNonsense,
  kTimeout,
  kClientGone,
  kClientTooSlow,
  kStopped,
};

inline constexpr std::size_t kReasons = static_cast<std::size_t>(Reason::kStopped) + 1;

constexpr bool isWait(Reason reason) {
  return reason >= Reason::kQueueOrder && reason <= Reason::kQueueTenantMemory;
}
std::string_view toString(Reason reason);
// Nobody will serve the version, for this reason: tell those that wait for it. `why` is for people.
using RefuseWaiting = std::function<void(policy::VersionId version, Reason reason, const std::string& why)>;
// What the client sees if no head went out before; 499 is never sent.
std::uint16_t statusOf(Reason reason);

Reason reasonOfWait(std::optional<policy::Verdict> verdict);
Reason reasonOfRefusal(const policy::Dispatch::Answer& answer);
// For people.
std::string explain(const policy::Dispatch::Beyond& beyond);
Reason reasonOfFailure(policy::Replay::Reason reason);

}  // namespace wasabi::node
