// What leaves superpods and containers through the gateway: each worker has its share of them, and carries their calls.
//
//   box --EgressDoor--------+-> may this version call there? --no--> refused
//   container -ContainerDoor+                                --a function of ours--> FunctionCalls: as any request to
//   it
//                                                            --CONNECT--> Tunnel -----+
//                                                            --else--> CarriedCall ---+-> a peer, if its address may be
//
// A box has asked its own copy of the list before; this one holds even for a box that somebody has broken out of.
// Lives on its worker's loop.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "http/client.h"
#include "node/container_door.h"
#include "node/egress_door.h"
#include "node/outbound_counters.h"
#include "policy/dispatch.h"

namespace wasabi::node {

// Takes calls of functions to functions of this machine.
class FunctionCalls {
 public:
  virtual ~FunctionCalls() = default;
  // As RequestHandler::onRequest().
  virtual void callFunction(http::ServerStream& stream, const platform::Version& caller,
                            const http::EgressCall& call) = 0;
};

struct OutboundServices {
  http::DirectServices direct;
  http::AddressPolicy allowed;
  http::ClientLimits limits;
};

class Egress final : private EgressDoorOwner, private CarriedOwner {
 public:
  // What it refers to outlives it.
  Egress(http::EventLoop& loop, const OutboundServices& outbound, FunctionCalls& functions);
  ~Egress() override;

  // Of a superpod that was not heard of before, too.
  EgressDoor& door(policy::TargetId superpod);
  void serveContainer(policy::TargetId container, FileDescriptor listener, const platform::VersionPtr& version);
  void close(policy::TargetId target);

  // Since it was asked last.
  OutboundCounters takeCounters() { return std::exchange(counters_, {}); }

 private:
  void onCall(http::ServerStream& stream, const Caller& caller, const http::EgressCall& call) override;
  void over(Carried& carried, const CarriedRecord& record) override;
  void openTunnel(http::ServerStream& stream, const std::string& tenant, const catalog::OutboundPeer& peer,
                  Duration connect_timeout);

  enum class What : std::uint8_t { kCall, kTunnel };
  struct Open {
    std::string tenant;
    What what;
    std::unique_ptr<Carried> carried;
  };
  void keep(Open open);

  http::EventLoop& loop_;
  FunctionCalls& functions_;
  http::Client client_;
  const std::unique_ptr<http::Connector> tunnels_;
  const std::size_t most_tunnels_;                   // of one tenant
  std::map<std::string, std::size_t> tunnels_open_;  // by tenant
  OutboundCounters counters_;
  std::unordered_map<const Carried*, Open> open_;
  // These end their streams, and so what is open.
  std::map<policy::TargetId, std::unique_ptr<EgressDoor>> doors_;
  std::map<policy::TargetId, std::unique_ptr<ContainerDoor>> container_doors_;
};

}  // namespace wasabi::node
