// What the connections of one server share.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "http/event_loop.h"
#include "http/server.h"

namespace wasabi::http {

// The Date field's value, formatted once a second.
class DateCache {
 public:
  std::string_view value();

 private:
  std::time_t second_ = -1;
  std::string text_;
};

struct ServerContext {
  EventLoop& loop;
  const ServerLimits limits;
  RequestHandler& handler;  // outlives the server, not this context: unused once the server is gone
  ServerCounters counters{};
  DateCache date{};
  bool draining = false;
};

}  // namespace wasabi::http
