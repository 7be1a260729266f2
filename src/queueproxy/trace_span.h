// Traces as W3C Trace Context has them (traceparent, tracestate), and the spans that the queue-proxy adds to them:
//
//   queue                        the whole request, as the pod sees it
//     kn.queueproxy.wait         its time in the breaker's queue, where there is a breaker
//     kn.queueproxy.proxy        from there on; the application's spans hang below it
//
// Baggage is passed on as it came.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/split_mix.h"
#include "http/message.h"

namespace wasabi::queueproxy {

struct TraceId {
  std::array<std::uint8_t, 16> bytes{};
  bool operator==(const TraceId&) const = default;
};
struct SpanId {
  std::array<std::uint8_t, 8> bytes{};  // all zero: none
  bool operator==(const SpanId&) const = default;
};

// One span of a trace, as it is passed on.
struct TraceContext {
  TraceId trace;
  SpanId span;
  bool sampled = false;
};

// The only traceparent of a request, of any version but ff; nothing if it is missing, there twice or not valid.
std::optional<TraceContext> traceContextOf(const http::Fields& received);
std::string traceparentOf(const TraceContext& context);

// Makes ids and decides which traces are recorded. One per thread: different seeds give different ids.
class Tracer {
 public:
  // `rate`, 0 to 1, of the traces that begin here; for others it was decided where they began.
  Tracer(double rate, std::uint64_t seed);

  // The span of a request, below the one it came from.
  TraceContext begin(const std::optional<TraceContext>& parent);
  TraceContext below(const TraceContext& parent);

 private:
  SpanId nextSpan();

  SplitMix64 words_;
  std::uint64_t sampled_below_;  // of 2^63
};

struct Span {
  enum class Kind : std::uint8_t { kInternal = 1, kServer = 2, kClient = 3 };
  struct Text {
    std::string_view name;
    std::string value;
  };
  struct Number {
    std::string_view name;
    std::int64_t value = 0;
  };

  TraceContext context;
  SpanId parent;
  std::string trace_state;
  std::string_view name;
  Kind kind = Kind::kInternal;
  std::int64_t start_nanoseconds = 0;  // since 1970
  std::int64_t end_nanoseconds = 0;
  std::vector<Text> texts;
  std::vector<Number> numbers;
  bool failed = false;
};

inline constexpr std::string_view kRequestSpan = "queue";
inline constexpr std::string_view kWaitSpan = "kn.queueproxy.wait";
inline constexpr std::string_view kProxySpan = "kn.queueproxy.proxy";

}  // namespace wasabi::queueproxy
