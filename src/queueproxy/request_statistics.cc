#include "queueproxy/request_statistics.h"

#include "base/check.h"

namespace wasabi::queueproxy {

RequestPeriod& RequestPeriod::operator+=(const RequestPeriod& other) {
  average_concurrency += other.average_concurrency;
  average_proxied_concurrency += other.average_proxied_concurrency;
  requests += other.requests;
  proxied_requests += other.proxied_requests;
  return *this;
}

void RequestStatistics::settle(TimePoint now) {
  if (now <= since_) return;
  const double seconds = toSeconds(now - since_);
  seconds_ += seconds;
  open_seconds_ += static_cast<double>(open_) * seconds;
  open_proxied_seconds_ += static_cast<double>(open_proxied_) * seconds;
  since_ = now;
}

void RequestStatistics::began(From from, TimePoint now) {
  settle(now);
  ++open_;
  ++requests_;
  if (from == From::kActivator) {
    ++open_proxied_;
    ++proxied_requests_;
  }
}

void RequestStatistics::ended(From from, TimePoint now) {
  settle(now);
  WASABI_CHECK(open_ > 0);
  --open_;
  if (from == From::kActivator) {
    WASABI_CHECK(open_proxied_ > 0);
    --open_proxied_;
  }
}

RequestPeriod RequestStatistics::endPeriod(TimePoint now) {
  settle(now);
  RequestPeriod period;
  if (seconds_ > 0) {
    period.average_concurrency = open_seconds_ / seconds_;
    period.average_proxied_concurrency = open_proxied_seconds_ / seconds_;
  }
  period.requests = static_cast<double>(requests_);
  period.proxied_requests = static_cast<double>(proxied_requests_);
  seconds_ = open_seconds_ = open_proxied_seconds_ = 0;
  requests_ = proxied_requests_ = 0;
  return period;
}

}  // namespace wasabi::queueproxy
