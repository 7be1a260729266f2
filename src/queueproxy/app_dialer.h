// How the queue-proxy connects to its app on 127.0.0.1: with patience for an app that is there and does not take
// connections yet, and none for one that is not there.
//
// A try that gets no answer in its time is given up and made again, each longer than the one before (the backlog of a
// busy app drops connections silently, and the kernel alone tries again only after seconds). A refusal ends it at once.
#pragma once

#include <memory>

#include "base/units.h"
#include "http/client_transport.h"
#include "http/event_loop.h"

namespace wasabi::queueproxy {

// As the stock queue-proxy: some 20 seconds in all.
struct DialPatience {
  Duration first_try = std::chrono::milliseconds(50);
  double growth = 1.4;
  unsigned tries = 15;
  Duration pause = std::chrono::milliseconds(30);
};

// Connects to the port that an endpoint names, its own name apart (which only parts the pools of connections).
std::unique_ptr<http::Connector> loopbackConnector(http::EventLoop& loop);

// Tries `inner` again as said. It is still bound by the deadline of each connect.
std::unique_ptr<http::Connector> patientConnector(http::EventLoop& loop, std::unique_ptr<http::Connector> inner,
                                                  const DialPatience& patience);

}  // namespace wasabi::queueproxy
