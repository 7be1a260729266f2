#include "policy/restart_backoff.h"

#include <algorithm>

namespace wasabi::policy {

void RestartBackoff::ended(std::optional<TimePoint> ready, TimePoint now) {
  if (ready && now - *ready >= kLongLife) {
    in_a_row_ = 0;
    not_before_ = now;
    return;
  }
  constexpr std::uint32_t kMostDoublings = 20;  // beyond the longest wait, and far from overflow
  const Duration wait = kFirstWait * (1U << std::min(in_a_row_, kMostDoublings));
  ++in_a_row_;
  not_before_ = now + std::min(wait, kLongestWait);
}

void RestartBackoff::serves(TimePoint ready, TimePoint now) {
  if (now - ready < kLongLife) return;
  in_a_row_ = 0;
  not_before_ = std::min(not_before_, now);
}

}  // namespace wasabi::policy
