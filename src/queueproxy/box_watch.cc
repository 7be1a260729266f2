#include "queueproxy/box_watch.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"
#include "queueproxy/app_dialer.h"

namespace wasabi::queueproxy {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

}  // namespace

Result<std::unique_ptr<BoxWatch>> BoxWatch::start(http::EventLoop& loop, const std::string& admin, ByteSize memory_unit,
                                                  Logger& log) {
  std::unique_ptr<BoxWatch> watch;
  if (admin.starts_with(kUnixPrefix)) {
    watch.reset(new BoxWatch(loop, http::unixConnector(loop), {admin.substr(kUnixPrefix.size()), 0}, memory_unit, log));
  } else {
    const auto port = parseDecimal<std::uint16_t>(splitAuthority(admin).port);
    if (!port || *port == 0) {
      return fail(ErrorCode::kInvalid, "the box's admin listener is at unix:/path or 127.0.0.1:port, not at " + admin);
    }
    watch.reset(new BoxWatch(loop, loopbackConnector(loop), {"box", *port}, memory_unit, log));
  }
  watch->ask();
  return watch;
}

BoxWatch::BoxWatch(http::EventLoop& loop, std::unique_ptr<http::Connector> connector, http::Endpoint endpoint,
                   ByteSize memory_unit, Logger& log)
    : loop_(loop),
      log_(log),
      endpoint_(std::move(endpoint)),
      client_(loop, http::ClientLimits{}, std::move(connector)),
      asker_(loop, client_, {kPatience, kMostLoadBytes}),
      demand_(memory_unit),
      next_(loop) {}

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
