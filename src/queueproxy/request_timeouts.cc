#include "queueproxy/request_timeouts.h"

namespace wasabi::queueproxy {
namespace {

std::optional<TimePoint> after(TimePoint from, Duration limit) {
  return limit > Duration::zero() ? std::optional(from + limit) : std::nullopt;
}

}  // namespace

RequestTimeouts::RequestTimeouts(const TimeoutSettings& settings, TimePoint arrived)
    : overall_(after(arrived, settings.overall)),
      response_start_(after(arrived, settings.response_start)),
      idle_(after(arrived, settings.idle)),
      idle_after_(settings.idle) {}

void RequestTimeouts::answered(TimePoint now) {
  response_start_.reset();
  idle_ = after(now, idle_after_);
}

RequestTimeouts::Expired RequestTimeouts::expiredAt(TimePoint now) const {
  if (overall_ && now >= *overall_) return Expired::kOverall;
  if (response_start_ && now >= *response_start_) return Expired::kResponseStart;
  if (idle_ && now >= *idle_) return Expired::kIdle;
  return Expired::kNothing;
}

std::optional<TimePoint> RequestTimeouts::next() const {
  std::optional<TimePoint> soonest;
  for (const auto& time : {overall_, response_start_, idle_}) {
    if (time && (!soonest || *time < *soonest)) soonest = time;
  }
  return soonest;
}

}  // namespace wasabi::queueproxy
