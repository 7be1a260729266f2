// Reads the certificate of the data port again, each minute: whoever issues it renews the files in place.
//
// Lives on its loop.
#pragma once

#include <memory>
#include <string>

#include "base/log.h"
#include "base/units.h"
#include "http/event_loop.h"
#include "http/server_tls.h"

namespace wasabi::queueproxy {

class TlsRenewal {
 public:
  static constexpr Duration kPeriod = std::chrono::minutes(1);

  TlsRenewal(http::EventLoop& loop, std::shared_ptr<http::ServerTls> tls, Logger& log);

 private:
  void wait();
  void renew();

  http::EventLoop& loop_;
  const std::shared_ptr<http::ServerTls> tls_;
  Logger& log_;
  std::string complaint_;  // the last one, which is told once
  http::Timer timer_;
};

}  // namespace wasabi::queueproxy
