#include "box/cpu_meter.h"

#include <algorithm>
#include <ctime>

namespace wasabi::box {
namespace {

constexpr Duration kShortSlice = std::chrono::microseconds(200);

Duration threadCpuTime() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace

void CpuMeter::sliceBegins() {
  began_ = Clock::now();
}

Duration CpuMeter::sliceEnds() {
  const Duration elapsed = Clock::now() - began_;
  if (elapsed < kShortSlice) return elapsed;
  const Duration reading = threadCpuTime();
  // The thread used no more than this since the reading before, and the slice no more than the time it took.
  const Duration used = std::min(elapsed, reading - last_reading_);
  last_reading_ = reading;
  return used;
}

}  // namespace wasabi::box
