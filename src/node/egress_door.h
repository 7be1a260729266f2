// The gateway's side of one superpod's egress: the connections that it keeps to the box's egress listener, and the
// calls that come back on them (http/egress_call.h says how).
//
// Lives on its worker's loop.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "http/egress_call.h"
#include "http/event_loop.h"
#include "http/server.h"
#include "node/carried.h"
#include "platform/version.h"

namespace wasabi::node {

struct Caller {
  const platform::VersionPtr& version;
  CallerKind kind;
};

class EgressDoorOwner {
 public:
  virtual ~EgressDoorOwner() = default;
  // As RequestHandler::onRequest().
  virtual void onCall(http::ServerStream& stream, const Caller& caller, const http::EgressCall& call) = 0;
};

class EgressDoor final : private http::RequestHandler {
 public:
  // The loop and the owner outlive it.
  EgressDoor(http::EventLoop& loop, EgressDoorOwner& owner);
  // Its streams are cut.
  ~EgressDoor() override;

  void connectTo(std::string socket, std::uint32_t box_workers);
  void admit(const platform::VersionPtr& version);
  void dismiss(const platform::VersionName& version);

 private:
  void onRequest(http::ServerStream& stream) override;
  void connectMissing();
  bool connectOne();

  http::EventLoop& loop_;
  EgressDoorOwner& owner_;
  std::unordered_map<FunctionName, platform::VersionPtr> versions_;  // "acme/mashup@3"
  std::string socket_;
  std::uint32_t wanted_ = 0;
  std::uint32_t connected_ = 0;
  http::Timer again_;
  const http::ServerLimits limits_;
  http::Server server_;
};

}  // namespace wasabi::node
