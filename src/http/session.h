// One protocol spoken over one connection: HTTP/1.1 or HTTP/2.
#pragma once

#include <optional>

#include "base/units.h"
#include "http/server.h"

namespace wasabi::http {

class Session {
 public:
  virtual ~Session() = default;

  // Consumes the connection's input, calls observers and fills its output. Everything that calls observers happens in
  // here, in settle(), onDeadline() and end(); what handlers call only takes notes and asks the connection for another
  // turn.
  virtual void serve() = 0;
  // After output was written: closes streams whose last byte went out, tells others that there is room.
  virtual void settle() = 0;
  virtual bool wantsInput() const = 0;
  // Requests are open, or are being received.
  virtual bool busy() const = 0;

  // The next time at which something runs out, if anything can.
  virtual std::optional<TimePoint> deadline() const = 0;
  virtual void onDeadline(TimePoint now) = 0;

  // No new requests from here on.
  virtual void drain() = 0;
  // The peer will send no more.
  virtual void onPeerClosed() = 0;
  // The connection is over: every open stream is told.
  virtual void end(CloseReason reason) = 0;
};

}  // namespace wasabi::http
