// Reads the figures of the box in this superpod from its admin listener, each second, and until the box is ready for
// the first time more often: requests may be waiting for it.
//
// Lives on its loop.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "base/log.h"
#include "base/units.h"
#include "http/asker.h"
#include "http/client.h"
#include "http/event_loop.h"
#include "queueproxy/box_admin_address.h"
#include "queueproxy/superpod_demand.h"

namespace wasabi::queueproxy {

class BoxWatch {
 public:
  static constexpr Duration kPeriod = std::chrono::seconds(1);
  static constexpr Duration kFirstPeriod = std::chrono::milliseconds(50);
  static constexpr Duration kPatience = std::chrono::milliseconds(900);  // one question at a time

  // Asks from now on. Tells `log` when the box ceases to answer and when it does again.
  BoxWatch(http::EventLoop& loop, const BoxAdminAddress& admin, ByteSize memory_unit, Logger& log);

  // The box answered last time, and said it was ready.
  bool ready() const { return demand_.ready(); }
  // What the autoscaler is to be told, or nothing: see SuperpodDemand.
  std::optional<double> units() const { return demand_.units(loop_.now()); }

 private:
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
