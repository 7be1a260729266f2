#include "policy/scale_reason.h"

namespace wasabi::policy {
namespace {

struct Words {
  std::string_view token;
  std::string_view sentence;
};

Words wordsOf(ScaleReason reason) {
  switch (reason) {
    case ScaleReason::kStable:
      return {"stable", "the average load of the stable window wants so many"};
    case ScaleReason::kPanic:
      return {"panic",
              "the load rises fast: the most that was wanted since then, until it has been calm for long enough"};
    case ScaleReason::kRateLimited:
      return {"rate_limited", "the load wants to go further, but one decision goes no further than this"};
    case ScaleReason::kActivationScale:
      return {"activation_scale", "whoever leaves zero starts with so many"};
    case ScaleReason::kScaleDownDelayed:
      return {"scale_down_delayed", "the load wants fewer, but more were wanted within the scale-down delay"};
    case ScaleReason::kNoData:
      return {"no_data", "nothing is known of the load, so nothing changes"};
    case ScaleReason::kMinScale:
      return {"min_scale", "the load wants fewer than the least that are kept"};
    case ScaleReason::kMaxScale:
      return {"max_scale", "the load wants more than there may be"};
    case ScaleReason::kInitialScale:
      return {"initial_scale", "so many have to be ready once before the load decides"};
    case ScaleReason::kScaleToZeroOff:
      return {"scale_to_zero_off", "there is no load, but one is always kept"};
    case ScaleReason::kActivating:
      return {"activating", "there is no load, but it was started for one and is not ready yet"};
    case ScaleReason::kActivationTimedOut:
      return {"activation_timed_out", "it was not ready in time, and there is no load any more"};
    case ScaleReason::kIdlePeriod:
      return {"idle_period", "there is no load, but it became active a short while ago"};
    case ScaleReason::kIdle:
      return {"idle", "there has been no load for a while: the last one goes when it may"};
    case ScaleReason::kFrontDoorMissing:
      return {"front_door_missing", "there is no load, but requests that come would not be held while one starts"};
    case ScaleReason::kGracePeriod:
      return {"grace_period", "there is no load, and the last one goes after the grace period"};
    case ScaleReason::kRetention:
      return {"retention", "there is no load, but the last one is kept for its retention period"};
    case ScaleReason::kNoLoad:
      return {"no_load", "there is no load"};
  }
  return {};
}

}  // namespace

std::string_view toString(ScaleReason reason) {
  return wordsOf(reason).token;
}

std::string_view explain(ScaleReason reason) {
  return wordsOf(reason).sentence;
}

}  // namespace wasabi::policy
