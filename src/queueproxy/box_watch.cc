#include "queueproxy/box_watch.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "queueproxy/app_dialer.h"

namespace wasabi::queueproxy {
namespace {

http::Endpoint endpointOf(const BoxAdminAddress& admin) {
  if (!admin.unix_path.empty()) return {admin.unix_path, 0};
  return {"box", admin.port};
}

std::unique_ptr<http::Connector> connectorTo(const BoxAdminAddress& admin, http::EventLoop& loop) {
  return admin.unix_path.empty() ? loopbackConnector(loop) : http::unixConnector(loop);
}

}  // namespace

BoxWatch::BoxWatch(http::EventLoop& loop, const BoxAdminAddress& admin, ByteSize memory_unit, Logger& log)
    : loop_(loop),
      log_(log),
      endpoint_(endpointOf(admin)),
      client_(loop, http::ClientLimits{}, connectorTo(admin, loop)),
      asker_(loop, client_, {kPatience, kMostLoadBytes}),
      demand_(memory_unit),
      next_(loop) {
  ask();
}

void BoxWatch::ask() {
  next_.arm(loop_.now() + (was_ready_ ? kPeriod : kFirstPeriod), [this] { ask(); });
  if (asker_.open() > 0) return;
  http::ClientRequest request;
  request.method = "GET";
  request.target = "/-/load";
  request.authority = "box";
  request.endpoint = endpoint_;
  asker_.ask(request, {}, [this](Result<http::Asker::Answer> answer) { told(std::move(answer)); });
}

void BoxWatch::told(Result<http::Asker::Answer> answer) {
  if (!answer) return failed(answer.error().message());
  if (answer->status != 200) return failed(fmt::format("it answered {}", answer->status));
  const auto reading = parseBoxReading(answer->body);
  if (!reading) return failed(reading.error().message());
  demand_.answered(*reading, loop_.now());
  was_ready_ = was_ready_ || demand_.ready();
  if (std::exchange(complained_, false)) log_.info("the box answers again");
}

// Once for each time that it ceases to answer: while it starts, it is only awaited.
void BoxWatch::failed(const std::string& why) {
  demand_.didNotAnswer();
  if (was_ready_ && !std::exchange(complained_, true)) {
    log_.warn("the box does not answer: this pod is not ready", {{"reason", why}});
  }
}

}  // namespace wasabi::queueproxy
