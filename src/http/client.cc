#include "http/client.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "http/client_core.h"
#include "http/client_exchange.h"
#include "http/client_request.h"
#include "http/h2_client_exchange.h"

namespace wasabi::http {
namespace {

// Times come from guests; beyond this they would only overflow.
constexpr Duration kLongestTime = std::chrono::hours(24);

Duration bounded(Duration time) {
  return std::clamp(time, Duration::zero(), kLongestTime);
}

}  // namespace

Client::Client(EventLoop& loop, const ClientLimits& limits, std::unique_ptr<Connector> connector)
    : core_(std::make_shared<ClientCore>(loop, limits, std::move(connector))) {
  WASABI_CHECK(core_->connector != nullptr);
}

Client::~Client() {
  core_->pool.closeIdle();
  core_->h2.closeIdle();
}

std::unique_ptr<ClientExchange> Client::start(const ClientRequest& request, ClientObserver& observer) {
  const ExchangeTimes times{bounded(request.connect_timeout), bounded(request.first_byte_timeout),
                            bounded(request.between_bytes_timeout), bounded(request.continue_timeout),
                            bounded(request.tunnel_idle_timeout)};
  if (request.version == Version::kHttp2) {
    return std::make_unique<H2Exchange>(core_, makeOutgoing(request), times, observer);
  }
  return std::make_unique<Exchange>(core_, makeOutgoing(request), times, observer);
}

ClientCounters Client::counters() const {
  return core_->pool.counters();
}

}  // namespace wasabi::http
