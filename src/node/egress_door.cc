#include "node/egress_door.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace wasabi::node {
namespace {

// A box that takes no connection is about to be gone, or as busy as can be.
constexpr Duration kConnectAgain = std::chrono::milliseconds(50);

// How a box names a version: the third of acme/mashup is "acme/mashup@3".
FunctionName nameInBox(const FunctionName& function, std::uint32_t number) {
  return {function.tenant, fmt::format("{}@{}", function.function, number)};
}

// Calls end when their callers end.
http::ServerLimits limitsOfCalls() {
  http::ServerLimits limits;
  const Duration for_ever = std::chrono::hours(24 * 365);
  limits.max_concurrent_streams = http::kCallsPerEgressConnection;
  limits.max_requests_per_connection = ~std::size_t{0};
  limits.max_stream_resets_per_minute = 1'000'000;  // guests that end leave calls behind
  limits.body_timeout = for_ever;                   // how slow a guest may be is its own limits' part
  limits.idle_timeout = for_ever;                   // it is kept for the next call
  limits.head_timeout = for_ever;                   // and so is one that the box has not used yet
  return limits;
}

}  // namespace

EgressDoor::EgressDoor(http::EventLoop& loop, EgressDoorOwner& owner)
    : loop_(loop), owner_(owner), again_(loop), limits_(limitsOfCalls()), server_(loop, limits_, *this) {}

EgressDoor::~EgressDoor() = default;

void EgressDoor::connectTo(std::string socket, std::uint32_t box_workers) {
  socket_ = std::move(socket);
  wanted_ = box_workers * http::kEgressConnectionsPerWorker;
  connectMissing();
}

void EgressDoor::connectMissing() {
  while (connected_ < wanted_) {
    if (connectOne()) continue;
    again_.arm(loop_.now() + kConnectAgain, [this] { connectMissing(); });
    return;
  }
}

// To the box's backlog: whether one of its workers wants it shows when it is used.
bool EgressDoor::connectOne() {
  auto socket = http::connectToUnix(socket_);
  if (!socket) return false;
  ++connected_;
  server_.serve(*std::move(socket), [this] {
    --connected_;
    again_.arm(loop_.now() + kConnectAgain, [this] { connectMissing(); });
  });
  return true;
}

void EgressDoor::admit(const platform::VersionPtr& version) {
  versions_.insert_or_assign(nameInBox(version->name(), version->number), version);
}

void EgressDoor::dismiss(const platform::VersionName& version) {
  versions_.erase(nameInBox(version.function, version.number));
}

// A box that names another version than those it was given is no box of ours any more.
void EgressDoor::onRequest(http::ServerStream& stream) {
  const auto call = http::egressCallOf(stream.request().headers);
  const auto caller = call ? versions_.find(call->caller) : versions_.end();
  if (caller == versions_.end()) return refuseCall(stream, http::ClientFailure::kDenied, CallerKind::kBox);
  owner_.onCall(stream, {caller->second, CallerKind::kBox}, *call);
}

}  // namespace wasabi::node
