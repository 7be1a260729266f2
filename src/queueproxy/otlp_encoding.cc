#include "queueproxy/otlp_encoding.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/utf8.h"
#include "queueproxy/protobuf_writer.h"

namespace wasabi::queueproxy {
namespace {

constexpr std::uint32_t kStatusError = 2;
constexpr std::uint32_t kSampledFlag = 1;

template <std::size_t N>
std::string_view bytesOf(const std::array<std::uint8_t, N>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A string of protobuf is UTF-8, or the whole message is refused.
std::string validText(std::string_view text) {
  if (isUtf8(text)) return std::string(text);
  std::string valid;
  while (!text.empty()) {
    const std::size_t size = utf8SequenceLength(text);
    valid += size > 0 ? text.substr(0, size) : std::string_view("?");
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return valid;
}

std::string keyValue(std::string_view key, std::string any_value) {
  ProtobufWriter pair;
  pair.text(1, key);
  pair.message(2, any_value);
  return pair.take();
}

std::string attribute(std::string_view key, std::string_view value) {
  ProtobufWriter any;
  any.message(1, validText(value));
  return keyValue(key, any.take());
}

std::string attribute(std::string_view key, std::int64_t value) {
  ProtobufWriter any;
  any.member(3, static_cast<std::uint64_t>(value));
  return keyValue(key, any.take());
}

std::string resourceOf(const RevisionIdentity& revision) {
  const std::string& name = !revision.service.empty()         ? revision.service
                            : !revision.configuration.empty() ? revision.configuration
                            : !revision.revision.empty()      ? revision.revision
                                                              : revision.pod;
  ProtobufWriter resource;
  const std::pair<std::string_view, const std::string&> attributes[] = {
      {"service.name", name},
      {"service.instance.id", revision.pod},
      {"k8s.namespace.name", revision.namespace_name},
      {"k8s.pod.name", revision.pod},
      {"kn.service.name", revision.service},
      {"kn.configuration.name", revision.configuration},
      {"kn.revision.name", revision.revision}};
  for (const auto& [key, value] : attributes) {
    if (!value.empty()) resource.message(1, attribute(key, value));
  }
  return resource.take();
}

std::string spanMessage(const Span& span) {
  ProtobufWriter out;
  out.message(1, bytesOf(span.context.trace.bytes));
  out.message(2, bytesOf(span.context.span.bytes));
  out.text(3, validText(span.trace_state));
  if (span.parent != SpanId()) out.message(4, bytesOf(span.parent.bytes));
  out.text(5, span.name);
  out.integer(6, static_cast<std::uint64_t>(span.kind));
  out.fixed64(7, static_cast<std::uint64_t>(span.start_nanoseconds));
  out.fixed64(8, static_cast<std::uint64_t>(span.end_nanoseconds));
  for (const Span::Text& text : span.texts) out.message(9, attribute(text.name, text.value));
  for (const Span::Number& number : span.numbers) out.message(9, attribute(number.name, number.value));
  if (span.failed) {
    ProtobufWriter status;
    status.integer(3, kStatusError);
    out.message(15, status.take());
  }
  if (span.context.sampled) out.fixed32(16, kSampledFlag);
  return out.take();
}

}  // namespace

std::string encodeSpans(const RevisionIdentity& revision, const std::vector<Span>& spans) {
  ProtobufWriter scope;
  scope.text(1, "knative.dev/serving/pkg/queue");
  ProtobufWriter of_scope;
  of_scope.message(1, scope.take());
  for (const Span& span : spans) of_scope.message(2, spanMessage(span));
  ProtobufWriter of_resource;
  of_resource.message(1, resourceOf(revision));
  of_resource.message(2, of_scope.take());
  ProtobufWriter request;
  request.message(1, of_resource.take());
  return request.take();
}

void SpanBuffer::add(Span span) {
  if (!span.context.sampled) return;
  if (spans_.size() >= kMostWaiting) {
    ++dropped_;
  } else {
    spans_.push_back(std::move(span));
  }
}

std::vector<Span> SpanBuffer::take() {
  const auto end = spans_.begin() + static_cast<std::ptrdiff_t>(std::min(kMostAtOnce, spans_.size()));
  std::vector<Span> taken(std::make_move_iterator(spans_.begin()), std::make_move_iterator(end));
  spans_.erase(spans_.begin(), end);
  return taken;
}

}  // namespace wasabi::queueproxy
