#include "queueproxy/trace_span.h"

#include <algorithm>
#include <span>

#include "base/text.h"
#include "http/request_id.h"

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

void appendHex(std::string& out, std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const std::uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 0xf];
  }
}

void writeWord(std::uint64_t word, std::span<std::uint8_t, 8> out) {
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(word >> (56 - 8 * i));
}

}  // namespace

std::optional<TraceContext> traceContextOf(const http::Fields& received) {
  std::optional<std::string_view> found;
  for (const http::Fields::Field field : received) {
    if (field.name != "traceparent") continue;
    if (found) return std::nullopt;
    found = field.value;
  }
  if (!found || !http::traceIdOf(*found)) return std::nullopt;
  TraceContext context;
  readHex(found->substr(kTraceOffset), context.trace.bytes);
  readHex(found->substr(kSpanOffset), context.span.bytes);
  context.sampled = (hexValue((*found)[kFlagsOffset + 1]) & 1) != 0;
  return context;
}

std::string traceparentOf(const TraceContext& context) {
  std::string text = "00-";
  appendHex(text, context.trace.bytes);
  text += '-';
  appendHex(text, context.span.bytes);
  return text += context.sampled ? "-01" : "-00";
}

Tracer::Tracer(double rate, std::uint64_t seed)
    : state_(seed), sampled_below_(static_cast<std::uint64_t>(std::clamp(rate, 0.0, 1.0) * kTwoTo63)) {}

// SplitMix64 (Steele, Lea, Flood 2014): every state occurs once in 2^64 steps.
std::uint64_t Tracer::nextWord() {
  state_ += 0x9e3779b97f4a7c15ull;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

SpanId Tracer::nextSpan() {
  SpanId span;
  std::uint64_t word = nextWord();
  while (word == 0) word = nextWord();
  writeWord(word, span.bytes);
  return span;
}

TraceContext Tracer::begin(const std::optional<TraceContext>& parent) {
  if (parent) return below(*parent);
  TraceContext context;
  // The low half decides, as by OpenTelemetry's TraceIdRatioBased, so that all who ask agree. It is never zero, and so
  // neither is the id.
  std::uint64_t low = nextWord();
  while (low == 0) low = nextWord();
  writeWord(nextWord(), std::span(context.trace.bytes).first<8>());
  writeWord(low, std::span(context.trace.bytes).last<8>());
  context.span = nextSpan();
  context.sampled = (low >> 1) < sampled_below_;
  return context;
}

TraceContext Tracer::below(const TraceContext& parent) {
  return {parent.trace, nextSpan(), parent.sampled};
}

}  // namespace wasabi::queueproxy
