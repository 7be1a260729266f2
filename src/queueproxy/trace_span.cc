#include "queueproxy/trace_span.h"

#include <algorithm>
#include <span>

#include "base/sha256.h"
#include "base/text.h"
#include "http/proxy_headers.h"

namespace wasabi::queueproxy {
namespace {

constexpr std::size_t kTraceOffset = 3;
constexpr std::size_t kSpanOffset = 36;
constexpr std::size_t kFlagsOffset = 53;
constexpr double kTwoTo63 = 9223372036854775808.0;

void readHex(std::string_view text, std::span<std::uint8_t> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<std::uint8_t>(hexValue(text[2 * i]) << 4 | hexValue(text[2 * i + 1]));
  }
}

void writeWord(std::uint64_t word, std::span<std::uint8_t, 8> out) {
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(word >> (56 - 8 * i));
}

}  // namespace

std::optional<TraceContext> traceContextOf(const http::Fields& received) {
  const std::optional<std::string_view> found = http::onlyTraceparent(received);
  if (!found) return std::nullopt;
  TraceContext context;
  readHex(found->substr(kTraceOffset), context.trace.bytes);
  readHex(found->substr(kSpanOffset), context.span.bytes);
  context.sampled = (hexValue((*found)[kFlagsOffset + 1]) & 1) != 0;
  return context;
}

std::string traceparentOf(const TraceContext& context) {
  std::string text = "00-" + toHex(context.trace.bytes.data(), context.trace.bytes.size());
  text += '-' + toHex(context.span.bytes.data(), context.span.bytes.size());
  return text += context.sampled ? "-01" : "-00";
}

Tracer::Tracer(double rate, std::uint64_t seed)
    : words_(seed), sampled_below_(static_cast<std::uint64_t>(std::clamp(rate, 0.0, 1.0) * kTwoTo63)) {}

SpanId Tracer::nextSpan() {
  SpanId span;
  std::uint64_t word = words_.next();
  while (word == 0) word = words_.next();
  writeWord(word, span.bytes);
  return span;
}

TraceContext Tracer::begin(const std::optional<TraceContext>& parent) {
  if (parent) return below(*parent);
  TraceContext context;
  // The low half decides, as by OpenTelemetry's TraceIdRatioBased, so that all who ask agree. It is never zero, and so
  // neither is the id.
  std::uint64_t low = words_.next();
  while (low == 0) low = words_.next();
  writeWord(words_.next(), std::span(context.trace.bytes).first<8>());
  writeWord(low, std::span(context.trace.bytes).last<8>());
  context.span = nextSpan();
  context.sampled = (low >> 1) < sampled_below_;
  return context;
}

TraceContext Tracer::below(const TraceContext& parent) {
  return {parent.trace, nextSpan(), parent.sampled};
}

}  // namespace wasabi::queueproxy
