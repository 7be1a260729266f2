// The gateway's side of one container's egress: a forward proxy at a port of the container's own network. Calls come
// as requests with an absolute target ("GET http://api.example.com/ HTTP/1.1"), tunnels by CONNECT.
//
// Lives on its worker's loop.
#pragma once

#include "base/file_descriptor.h"
#include "http/event_loop.h"
#include "http/server.h"
#include "node/egress_door.h"
#include "platform/version.h"

namespace wasabi::node {

// In the container. Its environment says so in HTTP_PROXY and HTTPS_PROXY.
inline constexpr std::uint16_t kContainerProxyPort = 47'128;

class ContainerDoor final : private http::RequestHandler {
 public:
  // `listener` is in the container's network. The loop and the owner outlive it.
  ContainerDoor(http::EventLoop& loop, FileDescriptor listener, platform::VersionPtr version, EgressDoorOwner& owner);

 private:
  void onRequest(http::ServerStream& stream) override;
  bool takesConnect() const override { return true; }

  EgressDoorOwner& owner_;
  const platform::VersionPtr version_;
  const http::ServerLimits limits_;
  http::Server server_;
};

}  // namespace wasabi::node
