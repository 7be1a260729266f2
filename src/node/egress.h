// What leaves the superpods through the gateway: each worker has its share of the superpods, and carries their calls.
//
//   box --EgressDoor--> may this version call there? --no--> refused
//                                                    --a function of ours--> FunctionCalls: like any request to it
//                                                    --else--> CarriedCall --> a peer, if its address is allowed
//
// The box has asked its own copy of the list before; this one holds even for a box that somebody has broken out of.
// Lives on its worker's loop.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "http/client.h"
#include "node/carried_call.h"
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

class Egress final : private EgressDoorOwner, private CarriedCallOwner {
 public:
  // What it refers to outlives it.
  Egress(http::EventLoop& loop, const OutboundServices& outbound, FunctionCalls& functions);
  ~Egress() override;

  // Of a superpod that was not heard of before, too.
  EgressDoor& door(policy::TargetId superpod);
  void close(policy::TargetId superpod) { doors_.erase(superpod); }

  // Since it was asked last.
  OutboundCounters takeCounters() { return std::exchange(counters_, {}); }

 private:
  void onCall(http::ServerStream& stream, const platform::VersionPtr& caller, const http::EgressCall& call) override;
  void over(CarriedCall& call, const CarriedRecord& record) override;

  struct Open {
    std::string tenant;
    std::unique_ptr<CarriedCall> call;
  };

  http::EventLoop& loop_;
  FunctionCalls& functions_;
  const http::ServerLimits door_limits_ = limitsOfEgress();
  http::Client client_;
  OutboundCounters counters_;
  std::unordered_map<const CarriedCall*, Open> open_;
  std::map<policy::TargetId, std::unique_ptr<EgressDoor>> doors_;  // they end their streams, and so the calls
};

}  // namespace wasabi::node
