// Spans as OTLP wants them: the body of a POST to the endpoint of http/protobuf (ExportTraceServiceRequest,
// opentelemetry-proto 1.x), content type kOtlpContentType. The answer is of no interest beyond its status.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "queueproxy/config.h"
#include "queueproxy/trace_span.h"

namespace wasabi::queueproxy {

inline constexpr std::string_view kOtlpContentType = "application/x-protobuf";

std::string encodeSpans(const RevisionIdentity& revision, const std::vector<Span>& spans);

// Spans that wait for their export. Not thread-safe.
class SpanBuffer {
 public:
  // As OpenTelemetry's batch processor: what does not fit is dropped and counted, so that nobody waits for a collector.
  static constexpr std::size_t kMostWaiting = 2048;
  static constexpr std::size_t kMostAtOnce = 512;

  // Only sampled ones are kept.
  void add(Span span);
  // The oldest ones, up to kMostAtOnce; empty if there are none.
  std::vector<Span> take();

  std::size_t waiting() const { return spans_.size(); }
  std::uint64_t dropped() const { return dropped_; }

 private:
  std::vector<Span> spans_;
  std::uint64_t dropped_ = 0;
};

}  // namespace wasabi::queueproxy
