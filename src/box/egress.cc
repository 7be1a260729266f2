#include "box/egress.h"

#include <utility>

#include "http/egress_call.h"

namespace wasabi::box {

EgressServices EgressServices::direct(PrivateNetworks networks, std::shared_ptr<const http::TlsTrust> trust) {
  EgressServices egress;
  egress.direct_ = {std::make_shared<http::Resolver>(http::ResolverLimits{}), std::move(trust)};
  egress.networks_ = networks;
  return egress;
}

EgressServices EgressServices::throughGateway(FileDescriptor listener) {
  EgressServices egress;
  egress.listener_ = std::make_shared<const FileDescriptor>(std::move(listener));
  return egress;
}

std::unique_ptr<http::Connector> EgressServices::connectorOn(http::EventLoop& loop) const {
  if (listener_) return http::acceptingConnector(loop, listener_->duplicate());
  const bool anywhere = networks_ == PrivateNetworks::kAllowed;
  return http::directConnector(loop, anywhere ? http::anyAddress() : http::publicAddresses(), direct_);
}

// The gateway keeps a few connections for each worker, and limits what is behind them by itself.
http::ClientLimits EgressServices::limits(const http::ClientLimits& direct) const {
  http::ClientLimits limits = direct;
  if (way() == EgressWay::kDirect) return limits;
  limits.max_connections_per_origin = http::kEgressConnectionsPerWorker;
  limits.max_streams_per_connection = http::kCallsPerEgressConnection;
  limits.idle_timeout = std::chrono::hours(24);
  return limits;
}

}  // namespace wasabi::box
