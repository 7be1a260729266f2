#include "queueproxy/span_exporter.h"

#include <fmt/format.h>

#include <utility>

namespace wasabi::queueproxy {
namespace {

constexpr std::string_view kUsualPath = "/v1/traces";
constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";

}  // namespace

Result<CollectorPlace> parseCollectorPlace(std::string_view endpoint) {
  CollectorPlace place;
  std::string_view rest = endpoint;
  if (rest.starts_with(kHttps)) {
    place.tls = true;
    rest.remove_prefix(kHttps.size());
  } else if (rest.starts_with(kHttp)) {
    rest.remove_prefix(kHttp.size());
  } else {
    return fail(ErrorCode::kInvalid,
                fmt::format("the endpoint of traces is an http:// or https:// URL, not '{}'", endpoint));
  }
  const std::size_t slash = rest.find('/');
  place.authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) place.path = rest.substr(slash);
  if (place.path.empty() || place.path == "/") place.path = kUsualPath;
  if (place.authority.empty()) {
    return fail(ErrorCode::kInvalid, fmt::format("the endpoint of traces '{}' names no host", endpoint));
  }
  return place;
}

Result<std::unique_ptr<SpanExporter>> SpanExporter::open(http::EventLoop& loop, const std::string& endpoint,
                                                         const RevisionIdentity& revision, Logger& log) {
  auto place = parseCollectorPlace(endpoint);
  if (!place) return fail(std::move(place.error()));
  http::ResolverLimits one_name;
  one_name.threads = 1;
  auto services = http::openDirectServices(http::ClientTls{}, one_name);
  if (!services) return fail(std::move(services.error()));
  return std::unique_ptr<SpanExporter>(new SpanExporter(loop, std::move(*place), std::move(*services), revision, log));
}

SpanExporter::SpanExporter(http::EventLoop& loop, CollectorPlace place, http::DirectServices services,
                           const RevisionIdentity& revision, Logger& log)
    : loop_(loop),
      place_(std::move(place)),
      revision_(revision),
      log_(log),
      client_(loop, http::ClientLimits{}, http::directConnector(loop, http::anyAddress(), std::move(services))),
      asker_(loop, client_, {kPatience, http::Asker::Limits{}.most_bytes}),
      timer_(loop),
      last_patience_(loop) {
  wait();
}

void SpanExporter::wait() {
  timer_.arm(loop_.now() + kPeriod, [this] {
    send();
    wait();
  });
}

void SpanExporter::add(Span span) {
  buffer_.add(std::move(span));
  if (buffer_.waiting() >= SpanBuffer::kMostAtOnce) send();
}

// One batch at a time.
void SpanExporter::send() {
  if (asker_.open() > 0) return;
  const std::vector<Span> spans = buffer_.take();
  if (spans.empty()) return;
  http::ClientRequest request;
  request.method = "POST";
  request.tls = place_.tls;
  request.authority = place_.authority;
  request.target = place_.path;
  request.headers.add("content-type", kOtlpContentType);
  const std::string body = encodeSpans(revision_, spans);
  request.headers.add("content-length", fmt::format("{}", body.size()));
  asker_.ask(std::move(request), body,
             [this, count = spans.size()](const Result<http::Asker::Answer>& answer) { sent(answer, count); });
}

void SpanExporter::sent(const Result<http::Asker::Answer>& answer, std::size_t count) {
  const bool taken = answer && answer->status >= 200 && answer->status < 300;
  if (taken) {
    complained_ = false;
  } else if (!std::exchange(complained_, true)) {
    const std::string why = answer ? fmt::format("it answered {}", answer->status) : answer.error().message();
    log_.warn("the collector does not take spans: they are dropped",
              {{"reason", why}, {"spans", count}, {"dropped_before", buffer_.dropped()}});
  }
  if (done_) return endIfDone();
  if (buffer_.waiting() >= SpanBuffer::kMostAtOnce) send();
}

void SpanExporter::finish(UniqueFunction<void()> done) {
  done_ = std::move(done);
  last_patience_.arm(loop_.now() + kLastPatience, [this] {
    if (done_) std::exchange(done_, {})();
  });
  endIfDone();
}

void SpanExporter::endIfDone() {
  send();
  if (asker_.open() > 0) return;
  last_patience_.cancel();
  std::exchange(done_, {})();
}

}  // namespace wasabi::queueproxy
