#include "load/schedule.h"

namespace wasabi::bench {

Schedule::Schedule(double rate, Arrivals arrivals, std::uint64_t seed, TimePoint begin)
    : rate_(rate), arrivals_(arrivals), random_(seed), begin_(begin), next_(begin) {
  if (arrivals_ == Arrivals::kPoisson) advance();
}

void Schedule::advance() {
  passed_ += arrivals_ == Arrivals::kPoisson ? std::exponential_distribution<double>(rate_)(random_) : 1;
  const std::chrono::duration<double> seconds(arrivals_ == Arrivals::kPoisson ? passed_ : passed_ / rate_);
  next_ = begin_ + std::chrono::duration_cast<Duration>(seconds);
}

}  // namespace wasabi::bench
