// The answer to one probe, which may have to wait for the app's own.
#pragma once

#include <cstdint>
#include <span>

#include "base/units.h"
#include "http/server.h"
#include "queueproxy/request_class.h"

namespace wasabi::queueproxy {

class ProbeReply final : private http::StreamObserver {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // The last call; destroy it soon, and not inside of this.
    virtual void probeOver(ProbeReply& reply) = 0;
  };

  // Attaches itself. The owner outlives it.
  ProbeReply(http::ServerStream& stream, TimePoint arrived, Owner& owner);

  // At most once.
  void answer(const ProbeAnswer& answer);

  // Within probeOver() still.
  const http::ServerStream& stream() const { return stream_; }
  TimePoint arrived() const { return arrived_; }
  std::uint16_t status() const { return status_; }

 private:
  void onBody(std::span<const std::byte>) override {}
  void onBodyEnd(const http::Fields&) override {}
  void onWritable() override {}
  void onClosed(http::CloseReason reason) override;

  http::ServerStream& stream_;
  const TimePoint arrived_;
  Owner& owner_;
  std::uint16_t status_ = 0;  // of its answer
};

}  // namespace wasabi::queueproxy
