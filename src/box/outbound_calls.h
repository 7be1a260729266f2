// The outbound HTTP calls of one invocation: allowed by its function's list, carried by the worker's client, answered
// to its guest.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "box/egress.h"
#include "box/function_log.h"
#include "catalog/function_spec.h"
#include "engine/invocation.h"

namespace wasabi::box {

// Who calls. What it refers to outlives the calls. Its log is told why one failed: the guest learns no more than a
// code.
struct OutboundCaller {
  const catalog::FunctionSpec& function;
  const std::string& request_id;
  std::uint32_t hops;  // calls of functions that led to its request
  FunctionLog& log;
};

class OutboundCalls {
 public:
  // Told of everything that lets the guest go on; the guest itself is reached through `guest` of start().
  OutboundCalls(Egress egress, OutboundCaller caller, std::uint32_t max_open);
  // Cancels what is open.
  ~OutboundCalls();
  OutboundCalls(const OutboundCalls&) = delete;
  OutboundCalls& operator=(const OutboundCalls&) = delete;

  // The callbacks of engine::InvocationHost, and who made them. `guest` outlives the call.
  engine::OutboundFailure start(std::uint64_t id, const engine::OutboundRequest& request, engine::Invocation& guest);
  std::size_t room(std::uint64_t id) const;
  void body(std::uint64_t id, std::span<const std::byte> data);
  void bodyEnd(std::uint64_t id, bool complete);
  void consumed(std::uint64_t id, std::size_t size);
  void cancel(std::uint64_t id);

  // Whether none is open: then nothing comes in for the guest.
  bool idle() const;

  // No more calls to the guest: it is about to go.
  void cancelAll();

 private:
  class Call;

  Call* find(std::uint64_t id) const;

  void addWordsForGateway(const engine::OutboundRequest& request, http::ClientRequest& out) const;

  const Egress egress_;
  const OutboundCaller caller_;
  const std::uint32_t max_open_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Call>> calls_;
};

}  // namespace wasabi::box
