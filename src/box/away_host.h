// Where a guest's calls go: to its invocation, or, while another worker runs a slice of it, into a record.
//
// Connections, timers and outbound calls belong to the home worker's thread. A slice on another worker therefore
// touches none of them: what can wait (room for output, memory) is refused for now, so that the guest parks and goes on
// at home; what cannot is recorded and played back there.
#pragma once

#include <utility>
#include <vector>

#include "base/unique_function.h"
#include "engine/invocation.h"

namespace wasabi::box {

class AwayHost final : public engine::InvocationHost {
 public:
  // Whether the guest asked for something that it only gets at home.
  bool wantsHome() const { return wants_home_; }
  // Does at `home` what the guest did, in its order; `guest` is told of outbound calls that were refused. Empties the
  // record.
  void playBack(engine::InvocationHost& home, engine::Invocation& guest);

  std::size_t outputRoom(engine::Output stream) override;
  void output(engine::Output stream, std::span<const std::byte> data) override;
  void inputConsumed(std::size_t size) override;
  void responseHead(std::uint16_t status, std::span<const engine::FieldView> headers) override;
  void responseEnd(std::span<const engine::FieldView> trailers) override;
  engine::Growth memoryGrowth(ByteSize held, ByteSize wanted) override;
  engine::OutboundFailure outboundStart(std::uint64_t id, const engine::OutboundRequest& request) override;
  std::size_t outboundRoom(std::uint64_t id) override;
  void outboundBody(std::uint64_t id, std::span<const std::byte> data) override;
  void outboundBodyEnd(std::uint64_t id, bool complete) override;
  void outboundConsumed(std::uint64_t id, std::size_t size) override;
  void outboundCancel(std::uint64_t id) override;

 private:
  using Call = UniqueFunction<void(engine::InvocationHost&, engine::Invocation&)>;

  std::vector<Call> calls_;
  std::size_t stderr_bytes_ = 0;
  bool wants_home_ = false;
};

// Passes everything on to whoever is to hear it now.
class HostSwitch final : public engine::InvocationHost {
 public:
  explicit HostSwitch(engine::InvocationHost& host) : host_(&host) {}
  void turnTo(engine::InvocationHost& host) { host_ = &host; }

  std::size_t outputRoom(engine::Output stream) override { return host_->outputRoom(stream); }
  void output(engine::Output stream, std::span<const std::byte> data) override { host_->output(stream, data); }
  void inputConsumed(std::size_t size) override { host_->inputConsumed(size); }
  void responseHead(std::uint16_t status, std::span<const engine::FieldView> headers) override {
    host_->responseHead(status, headers);
  }
  void responseEnd(std::span<const engine::FieldView> trailers) override { host_->responseEnd(trailers); }
  engine::Growth memoryGrowth(ByteSize held, ByteSize wanted) override { return host_->memoryGrowth(held, wanted); }
  engine::OutboundFailure outboundStart(std::uint64_t id, const engine::OutboundRequest& request) override {
    return host_->outboundStart(id, request);
  }
  std::size_t outboundRoom(std::uint64_t id) override { return host_->outboundRoom(id); }
  void outboundBody(std::uint64_t id, std::span<const std::byte> data) override { host_->outboundBody(id, data); }
  void outboundBodyEnd(std::uint64_t id, bool complete) override { host_->outboundBodyEnd(id, complete); }
  void outboundConsumed(std::uint64_t id, std::size_t size) override { host_->outboundConsumed(id, size); }
  void outboundCancel(std::uint64_t id) override { host_->outboundCancel(id); }

 private:
  engine::InvocationHost* host_;
};

}  // namespace wasabi::box
