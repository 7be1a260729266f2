// What the autoscaler scrapes, each second: made anew each second, of the second before.
//
// Lives on its loop.
#pragma once

#include <optional>
#include <string>

#include "http/event_loop.h"
#include "http/server.h"
#include "queueproxy/box_watch.h"
#include "queueproxy/places.h"
#include "queueproxy/request_statistics.h"

namespace wasabi::queueproxy {

class StatDoor final : public http::RequestHandler {
 public:
  // What it refers to outlives it. `box` is null where there is no superpod, `places` where there is no limit.
  StatDoor(http::EventLoop& loop, std::string pod_name, RequestStatistics& statistics, const BoxWatch* box,
           const Places* places);

 private:
  void onRequest(http::ServerStream& stream) override;
  void endPeriod();
  std::optional<double> superpodUnits() const;

  http::EventLoop& loop_;
  const std::string pod_name_;
  RequestStatistics& statistics_;
  const BoxWatch* const box_;
  const Places* const places_;
  const TimePoint started_;
  TimePoint period_ends_;
  std::string stat_;  // encoded; empty: there is nothing to be said
  http::Timer timer_;
};

}  // namespace wasabi::queueproxy
