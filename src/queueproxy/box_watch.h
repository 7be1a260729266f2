// Reads the figures of the box in this superpod from its admin listener, each second, and until the box is ready for
// the first time more often: requests may be waiting for it.
//
// Lives on its loop.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "base/log.h"
#include "base/units.h"
#include "http/asker.h"
#include "http/client.h"
#include "http/event_loop.h"
#include "queueproxy/superpod_demand.h"

namespace wasabi::queueproxy {

class BoxWatch {
 public:
  static constexpr Duration kPeriod = std::chrono::seconds(1);
  static constexpr Duration kFirstPeriod = std::chrono::milliseconds(50);
  static constexpr Duration kPatience = std::chrono::milliseconds(900);  // one question at a time

  // `admin`: "unix:/path", or a port of 127.0.0.1 as "127.0.0.1:8081". Tells `log` when the box ceases to answer and
  // when it does again.
  static Result<std::unique_ptr<BoxWatch>> start(http::EventLoop& loop, const std::string& admin, ByteSize memory_unit,
                                                 Logger& log);

  // The box answered last time, and said it was ready.
  bool ready() const { return demand_.ready(); }
  // What the autoscaler is to be told, or nothing: see SuperpodDemand.
  std::optional<double> units() const { return demand_.units(loop_.now()); }

 private:
  BoxWatch(http::EventLoop& loop, std::unique_ptr<http::Connector> connector, http::Endpoint endpoint,
           ByteSize memory_unit, Logger& log);
  void ask();
  void told(Result<http::Asker::Answer> answer);
  void failed(const std::string& why);

  http::EventLoop& loop_;
  Logger& log_;
  const http::Endpoint endpoint_;
  http::Client client_;
  http::Asker asker_;
  SuperpodDemand demand_;
  bool was_ready_ = false;
  bool complained_ = false;
  http::Timer next_;
};

}  // namespace wasabi::queueproxy
