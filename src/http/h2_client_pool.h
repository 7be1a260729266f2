// The HTTP/2 connections of one client: which of them takes the next stream.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "http/client_transport.h"

namespace wasabi::http {

class H2ClientSession;
struct ClientCore;

class H2ClientPool {
 public:
  H2ClientPool();
  ~H2ClientPool();
  H2ClientPool(const H2ClientPool&) = delete;
  H2ClientPool& operator=(const H2ClientPool&) = delete;

  // A connection with room for a stream, be it one that is only now being opened. kExhausted at a limit of `core`.
  // `look_again`: an idle one is asked whether its peer has closed.
  Result<std::shared_ptr<H2ClientSession>> acquire(const std::shared_ptr<ClientCore>& core, const Origin& origin,
                                                   Duration connect_timeout, bool look_again);
  // The connection takes no more streams.
  void remove(const H2ClientSession& session);
  void closeIdle();

 private:
  std::map<Origin, std::vector<std::shared_ptr<H2ClientSession>>> sessions_;
};

}  // namespace wasabi::http
