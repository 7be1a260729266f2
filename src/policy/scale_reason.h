// Why a load gets so many replicas: the last rule that changed the number.
#pragma once

#include <cstdint>
#include <string_view>

namespace wasabi::policy {

enum class ScaleReason : std::uint8_t {
  // Of autoscaler.h.
  kStable,           // the average of the stable window
  kPanic,            // the panic window, or what was reached since panic began
  kRateLimited,      // as far up or down as one decision may go
  kActivationScale,  // whoever leaves zero starts with so many
  kScaleDownDelayed,
  kNoData,  // nothing is known of the load: all stays
  // Of scale_control.h.
  kMinScale,
  kMaxScale,
  kInitialScale,
  // The rest where there is no load.
  kScaleToZeroOff,
  kActivating,  // it has not been ready yet
  kActivationTimedOut,
  kIdlePeriod,        // it has not been active for so long
  kIdle,              // it has: no request goes there any more, and the last one goes when it may
  kFrontDoorMissing,  // nobody would hold requests that find no replica
  kGracePeriod,
  kRetention,
  kNoLoad,
};

// A word for logs and metrics: "stable", "rate_limited".
std::string_view toString(ScaleReason reason);
// For people.
std::string_view explain(ScaleReason reason);

}  // namespace wasabi::policy
