// Whose outbound calls the gateway carries: what superpods and containers tell it about themselves.
#pragma once

#include <cstdint>
#include <string>

#include "base/file_descriptor.h"
#include "platform/version.h"
#include "policy/dispatch.h"

namespace wasabi::node {

// Thread-safe. Calls for one target are heard in their order.
class EgressDoors {
 public:
  virtual ~EgressDoors() = default;
  // Its box listens there; from now on it is connected to.
  virtual void connectTo(policy::TargetId superpod, const std::string& socket, std::uint32_t box_workers) = 0;
  // The container finds a proxy at `listener`, which is in its network.
  virtual void serveContainer(policy::TargetId container, FileDescriptor listener,
                              const platform::VersionPtr& version) = 0;
  // What still runs is cut.
  virtual void disconnect(policy::TargetId target) = 0;
  // It may call out as that version.
  virtual void admit(policy::TargetId superpod, const platform::VersionPtr& version) = 0;
  virtual void dismiss(policy::TargetId superpod, const platform::VersionName& version) = 0;
};

}  // namespace wasabi::node
