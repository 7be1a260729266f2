#include "node/container_door.h"

#include <utility>

namespace wasabi::node {
namespace {

// As guests have them that set none.
constexpr Duration kConnectTimeout = std::chrono::seconds(10);
constexpr Duration kPatience = std::chrono::seconds(600);

// Unlike a box it is nobody of ours.
http::ServerLimits limitsOfContainer() {
  http::ServerLimits limits;
  limits.max_connections = 1'000;
  return limits;
}

}  // namespace

ContainerDoor::ContainerDoor(http::EventLoop& loop, FileDescriptor listener, platform::VersionPtr version,
                             EgressDoorOwner& owner)
    : owner_(owner), version_(std::move(version)), limits_(limitsOfContainer()), server_(loop, limits_, *this) {
  server_.listen(std::move(listener));
}

// Which of its requests a call belongs to only the container knows: it says so by passing `traceparent` on, or not.
void ContainerDoor::onRequest(http::ServerStream& stream) {
  http::EgressCall call;
  call.caller = version_->name();
  call.connect_timeout = kConnectTimeout;
  call.first_byte_timeout = kPatience;
  call.between_bytes_timeout = kPatience;
  owner_.onCall(stream, {version_, CallerKind::kContainer}, call);
}

}  // namespace wasabi::node
