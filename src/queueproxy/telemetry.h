// What is told of requests that are over: the request log, figures for users' dashboards (port 9091), and spans. Each
// only where it was asked for.
//
// Lives on its loop. The request log has a thread of its own, so that a reader that is stuck delays nobody.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/line_log.h"
#include "base/log.h"
#include "base/unique_function.h"
#include "base/units.h"
#include "http/event_loop.h"
#include "http/message.h"
#include "http/server.h"
#include "queueproxy/config.h"
#include "queueproxy/places.h"
#include "queueproxy/request_log_template.h"
#include "queueproxy/span_exporter.h"
#include "queueproxy/trace_span.h"
#include "queueproxy/user_metrics.h"

namespace wasabi::queueproxy {

// The spans of a request while it is open.
struct RequestTrace {
  SpanId parent;
  TraceContext whole;
  TraceContext at_app;  // what the app is told
};

// Views are read before the call returns.
struct PassedRecord {
  const http::RequestHead& request;
  std::string_view remote_address;
  std::uint16_t status = 0;  // 0: the client went before there was one
  std::uint64_t response_bytes = 0;
  TimePoint arrived;
  std::optional<TimePoint> sent;  // to the app, if it was
  bool waited = false;            // may have, for a place
  std::optional<RequestTrace> trace;
};

class Telemetry final : public http::RequestHandler {
 public:
  // Bytes of request-log lines that wait for their reader; what does not fit is dropped.
  static constexpr std::size_t kMostLogBytes = 1 << 20;

  // What cannot be told as asked is an error. `config` and `log` outlive it; `places` may be null.
  static Result<std::unique_ptr<Telemetry>> open(http::EventLoop& loop, const QueueProxyConfig& config,
                                                 const Places* places, std::uint64_t seed, Logger& log);

  // Nothing where no spans are made.
  std::optional<RequestTrace> beginTrace(const http::Fields& received);
  // Of a request for the app.
  void passed(const PassedRecord& record);
  // Of a probe that was answered here.
  void probed(const PassedRecord& record);

  bool logsProbes() const { return log_lines_ && config_.observability.probe_request_log; }
  bool hasMetrics() const { return config_.observability.request_metrics.protocol == ExportProtocol::kPrometheus; }
  // Sends what waits to be sent; `done` follows soon.
  void finish(UniqueFunction<void()> done);

 private:
  Telemetry(http::EventLoop& loop, const QueueProxyConfig& config, const Places* places, std::uint64_t seed);
  // Prometheus asks.
  void onRequest(http::ServerStream& stream) override;
  void logLine(const PassedRecord& record);
  void addSpans(const PassedRecord& record);

  http::EventLoop& loop_;
  const QueueProxyConfig& config_;
  const Places* const places_;
  std::optional<RequestLogTemplate> line_;
  std::unique_ptr<LineLog> log_lines_;  // null without a request log
  std::string line_text_;
  UserMetrics metrics_;
  Tracer tracer_;
  std::unique_ptr<SpanExporter> spans_;  // null without tracing
};

}  // namespace wasabi::queueproxy
