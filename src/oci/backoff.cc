#include "oci/backoff.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace wasabi::oci {

void Backoff::progressed() {
  failures_ = 0;
  wait_ = limits_.first_wait;
}

bool Backoff::again(const Error& failure, Duration at_least) {
  if (failure.code() != ErrorCode::kUnavailable && failure.code() != ErrorCode::kTimeout) return false;
  if (++failures_ >= limits_.attempts || ++all_failures_ >= limits_.all_attempts) return false;
  const Duration wait = std::min(std::max(wait_, at_least), limits_.longest_wait);
  wait_ = std::min(2 * wait_, limits_.longest_wait);
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any stopped;
  stopped.wait_for(lock, stop_, wait, [] { return false; });
  return !stop_.stop_requested();
}

}  // namespace wasabi::oci
