// The outbound HTTP calls of one invocation: allowed by its function's list, carried by the worker's client, answered
// to its guest.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "catalog/function_spec.h"
#include "engine/invocation.h"
#include "http/client.h"

namespace wasabi::box {

class OutboundCalls {
 public:
  // Told of everything that lets the guest go on; the guest itself is reached through `guest` of start().
  OutboundCalls(http::Client& client, const catalog::FunctionSpec& function, std::uint32_t max_open);
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

  http::Client& client_;
  const catalog::FunctionSpec& function_;
  const std::uint32_t max_open_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Call>> calls_;
};

}  // namespace wasabi::box
