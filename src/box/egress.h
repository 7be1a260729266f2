// The way by which outbound calls leave the box.
//
// A box alone resolves and connects by itself. One behind a gateway may open no connection: the gateway connects to its
// egress listener, and on what it brings the box sends calls to it, which it judges and carries (docs/box.md, "Behind
// a gateway").
#pragma once

#include <cstdint>
#include <memory>

#include "base/file_descriptor.h"
#include "box/box_config.h"
#include "http/client.h"

namespace wasabi::box {

enum class EgressWay : std::uint8_t { kDirect, kGateway };

// What an invocation calls out through, on its worker's loop.
struct Egress {
  http::Client& client;
  EgressWay way;
};

// What the workers' clients are made of; thread-safe.
class EgressServices {
 public:
  // Starts the threads of the resolver: after confineProcess(), so that they are confined too. `trust` was loaded
  // before it, behind which the machine's certificates are out of reach.
  static EgressServices direct(PrivateNetworks networks, std::shared_ptr<const http::TlsTrust> trust);
  static EgressServices throughGateway(FileDescriptor listener);

  EgressWay way() const { return listener_ ? EgressWay::kGateway : EgressWay::kDirect; }
  std::unique_ptr<http::Connector> connectorOn(http::EventLoop& loop) const;
  // Of a worker's client.
  http::ClientLimits limits(const http::ClientLimits& direct) const;

 private:
  EgressServices() = default;

  std::shared_ptr<const FileDescriptor> listener_;  // or none: direct
  http::DirectServices direct_;
  PrivateNetworks networks_ = PrivateNetworks::kRefused;
};

}  // namespace wasabi::box
