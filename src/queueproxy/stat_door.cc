#include "queueproxy/stat_door.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "queueproxy/stat_encoding.h"
#include "queueproxy/superpod_demand.h"

namespace wasabi::queueproxy {

StatDoor::StatDoor(http::EventLoop& loop, std::string pod_name, RequestStatistics& statistics, const BoxWatch* box,
                   const Places* places)
    : loop_(loop),
      pod_name_(std::move(pod_name)),
      statistics_(statistics),
      box_(box),
      places_(places),
      started_(loop.now()),
      period_ends_(started_ + kReportingPeriod),
      stat_(encodeStat(firstStat(pod_name_))),
      timer_(loop) {
  timer_.arm(period_ends_, [this] { endPeriod(); });
}

void StatDoor::endPeriod() {
  const TimePoint now = loop_.now();
  const RequestPeriod period = statistics_.endPeriod(now);
  const Duration uptime = now - started_;
  if (box_ == nullptr) {
    stat_ = encodeStat(statOf(pod_name_, period, uptime));
  } else if (const std::optional<double> units = superpodUnits()) {
    stat_ = encodeStat(superpodStatOf(pod_name_, *units, period, uptime));
  } else {
    stat_.clear();
  }
  // Late turns do not add up; periods that were slept through are not made up for.
  period_ends_ = std::max(period_ends_ + kReportingPeriod, now);
  timer_.arm(period_ends_, [this] { endPeriod(); });
}

std::optional<double> StatDoor::superpodUnits() const {
  const std::optional<double> units = box_->units();
  if (!units || places_ == nullptr) return units;
  return unitsWithWaiting(*units, places_->breaker().running(), places_->breaker().waiting());
}

void StatDoor::onRequest(http::ServerStream& stream) {
  http::ResponseHead head;
  if (stream.request().path() != "/metrics") {
    head.status = 404;
  } else if (stat_.empty()) {
    head.status = 503;
  }
  const std::string_view body = head.status == 200 ? std::string_view(stat_) : std::string_view();
  if (!body.empty()) head.headers.add("content-type", kStatContentType);
  stream.sendHead(head, body.size());
  stream.send(bytesOf(body));
  stream.finish({});
}

}  // namespace wasabi::queueproxy
