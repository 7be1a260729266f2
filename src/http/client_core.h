// What the exchanges of a client share; the last of them and the client itself keep it.
#pragma once

#include <memory>

#include "http/client.h"
#include "http/client_pool.h"
#include "http/h2_client_pool.h"

namespace wasabi::http {

struct ClientCore {
  ClientCore(EventLoop& its_loop, const ClientLimits& its_limits, std::unique_ptr<Connector> its_connector)
      : loop(its_loop), limits(its_limits), connector(std::move(its_connector)), pool(its_loop, its_limits) {}

  EventLoop& loop;
  const ClientLimits limits;
  const std::unique_ptr<Connector> connector;
  ConnectionPool pool;
  H2ClientPool h2;  // its connections have their places in `pool`
};

struct ExchangeTimes {
  Duration connect;
  Duration first_byte;
  Duration between_bytes;
  Duration until_body;  // while a 100 is awaited
  Duration tunnel_idle;
};

}  // namespace wasabi::http
