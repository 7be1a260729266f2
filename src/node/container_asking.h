// Asks containers until they may get requests.
#pragma once

#include "node/container_replica.h"

namespace wasabi::node {

// By the readiness of their manifests, as often as is worth it. `loop` and `sockets` outlive what is returned.
AskUntilReady askContainers(http::EventLoop& loop, const ContainerSockets& sockets);

}  // namespace wasabi::node
