#include "queueproxy/telemetry.h"

#include <chrono>
#include <utility>

#include "base/text.h"

namespace wasabi::queueproxy {
namespace {

// What is said of a client that went (nginx's word for it).
constexpr std::uint16_t kClientGone = 499;

std::int64_t nanosecondsSince1970() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

std::uint16_t statusOf(const PassedRecord& record) {
  return record.status != 0 ? record.status : kClientGone;
}

// What cannot be done is said, and does not keep the pod from starting: the template is one for all services.
RequestLogTemplate lineTemplate(const QueueProxyConfig& config, Logger& log) {
  const std::string& wanted = config.observability.request_log_template;
  if (!wanted.empty()) {
    auto line = RequestLogTemplate::compile(wanted, config.revision);
    if (line) return std::move(*line);
    log.warn("the request log's template is not used, but Knative's own", {{"reason", line.error().message()}});
  }
  return RequestLogTemplate::compile(kDefaultRequestLogTemplate, config.revision).value();
}

}  // namespace

Result<std::unique_ptr<Telemetry>> Telemetry::open(http::EventLoop& loop, const QueueProxyConfig& config,
                                                   const Places* places, std::uint64_t seed, Logger& log) {
  std::unique_ptr<Telemetry> made(new Telemetry(loop, config, places, seed));
  const Observability& wanted = config.observability;
  if (wanted.request_log) {
    made->line_ = lineTemplate(config, log);
    auto file = LineLog::openTarget("-");
    if (!file) return fail(std::move(file.error()));
    made->log_lines_ = std::make_unique<LineLog>(std::move(*file), kMostLogBytes);
  }
  if (wanted.tracing.protocol == ExportProtocol::kHttpProtobuf) {
    auto exporter = SpanExporter::open(loop, wanted.tracing.endpoint, config.revision, log);
    if (!exporter) return fail(std::move(exporter.error()));
    made->spans_ = std::move(*exporter);
  }
  return made;
}

Telemetry::Telemetry(http::EventLoop& loop, const QueueProxyConfig& config, const Places* places, std::uint64_t seed)
    : loop_(loop), config_(config), places_(places), tracer_(config.observability.tracing.sampling_rate, seed) {}

std::optional<RequestTrace> Telemetry::beginTrace(const http::Fields& received) {
  if (!spans_) return std::nullopt;
  const auto parent = traceContextOf(received);
  RequestTrace trace;
  if (parent) trace.parent = parent->span;
  trace.whole = tracer_.begin(parent);
  trace.at_app = tracer_.below(trace.whole);
  return trace;
}

void Telemetry::passed(const PassedRecord& record) {
  if (log_lines_) logLine(record);
  if (hasMetrics()) {
    const TimePoint now = loop_.now();
    UserMetrics::Request request{
        record.request.method, routeTagOf(record.request.headers), statusOf(record), now - record.arrived, {}};
    if (record.sent) request.application = now - *record.sent;
    metrics_.record(request);
  }
  if (record.trace && record.trace->whole.sampled) addSpans(record);
}

void Telemetry::probed(const PassedRecord& record) {
  if (logsProbes()) logLine(record);
}

void Telemetry::logLine(const PassedRecord& record) {
  line_text_.clear();
  line_->append(
      {record.request, record.remote_address, statusOf(record), record.response_bytes, loop_.now() - record.arrived},
      line_text_);
  log_lines_->append(line_text_);
}

void Telemetry::addSpans(const PassedRecord& record) {
  const TimePoint now = loop_.now();
  const std::int64_t end = nanosecondsSince1970();
  const auto at = [&](TimePoint moment) {
    return end - std::chrono::duration_cast<std::chrono::nanoseconds>(now - moment).count();
  };
  Span whole;
  whole.context = record.trace->whole;
  whole.parent = record.trace->parent;
  whole.trace_state = record.request.headers.find("tracestate").value_or("");
  whole.name = kRequestSpan;
  whole.kind = Span::Kind::kServer;
  whole.start_nanoseconds = at(record.arrived);
  whole.end_nanoseconds = end;
  whole.texts = {{"http.request.method", record.request.method},
                 {"url.path", std::string(record.request.path())},
                 {"server.address", record.request.authority},
                 {"client.address", std::string(record.remote_address)}};
  whole.numbers = {{"http.response.status_code", statusOf(record)}};
  whole.failed = statusOf(record) >= 500;

  const TimePoint left_line = record.sent.value_or(now);
  if (record.waited) {
    Span wait;
    wait.context = tracer_.below(whole.context);
    wait.parent = whole.context.span;
    wait.name = kWaitSpan;
    wait.start_nanoseconds = whole.start_nanoseconds;
    wait.end_nanoseconds = at(left_line);
    spans_->add(std::move(wait));
  }
  if (record.sent) {
    Span proxy;
    proxy.context = record.trace->at_app;
    proxy.parent = whole.context.span;
    proxy.trace_state = whole.trace_state;
    proxy.name = kProxySpan;
    proxy.kind = Span::Kind::kClient;
    proxy.start_nanoseconds = at(left_line);
    proxy.end_nanoseconds = end;
    proxy.numbers = whole.numbers;
    proxy.failed = whole.failed;
    spans_->add(std::move(proxy));
  }
  spans_->add(std::move(whole));
}

void Telemetry::onRequest(http::ServerStream& stream) {
  http::ResponseHead head;
  std::string text;
  if (stream.request().path() == "/metrics") {
    std::optional<std::uint64_t> queued;
    if (places_ != nullptr) queued = places_->breaker().running() + places_->breaker().waiting();
    text = metrics_.prometheusText(config_.revision, queued);
    head.headers.add("content-type", "text/plain; version=0.0.4; charset=utf-8");
  } else {
    head.status = 404;
  }
  stream.sendHead(head, text.size());
  stream.send(bytesOf(text));
  stream.finish({});
}

void Telemetry::finish(UniqueFunction<void()> done) {
  if (!spans_) return done();
  spans_->finish(std::move(done));
}

}  // namespace wasabi::queueproxy
