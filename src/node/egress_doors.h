// Whose outbound calls the gateway carries: what superpods tell it about themselves.
#pragma once

#include <cstdint>
#include <string>

#include "platform/version.h"
#include "policy/dispatch.h"

namespace wasabi::node {

// Thread-safe. Calls for one superpod are heard in their order.
class EgressDoors {
 public:
  virtual ~EgressDoors() = default;
  // Its box listens there; from now on it is connected to.
  virtual void connectTo(policy::TargetId superpod, const std::string& socket, std::uint32_t box_workers) = 0;
  // What still runs is cut.
  virtual void disconnect(policy::TargetId superpod) = 0;
  // It may call out as that version.
  virtual void admit(policy::TargetId superpod, const platform::VersionPtr& version) = 0;
  virtual void dismiss(policy::TargetId superpod, const platform::VersionName& version) = 0;
};

}  // namespace wasabi::node
