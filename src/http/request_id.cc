#include "http/request_id.h"

#include <algorithm>

namespace wasabi::http {
namespace {

constexpr std::size_t kTraceIdOffset = 3;
constexpr std::size_t kTraceIdSize = 32;
constexpr std::size_t kParentOffset = kTraceIdOffset + kTraceIdSize + 1;
constexpr std::size_t kParentSize = 16;
constexpr std::size_t kFlagsOffset = kParentOffset + kParentSize + 1;
constexpr std::size_t kVersion0Size = kFlagsOffset + 2;

bool isHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool isZero(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c == '0'; });
}

}  // namespace

std::optional<std::string_view> traceIdOf(std::string_view header) {
  if (header.size() < kVersion0Size) return std::nullopt;
  const std::string_view version = header.substr(0, 2);
  if (!isHex(version) || version == "ff") return std::nullopt;
  if (version == "00" && header.size() != kVersion0Size) return std::nullopt;
  if (header.size() > kVersion0Size && header[kVersion0Size] != '-') return std::nullopt;
  const std::string_view trace_id = header.substr(kTraceIdOffset, kTraceIdSize);
  const std::string_view parent = header.substr(kParentOffset, kParentSize);
  const bool well_formed = header[2] == '-' && header[kParentOffset - 1] == '-' && header[kFlagsOffset - 1] == '-' &&
                           isHex(trace_id) && isHex(parent) && isHex(header.substr(kFlagsOffset, 2));
  if (!well_formed || isZero(trace_id) || isZero(parent)) return std::nullopt;
  return trace_id;
}

std::string RequestIdSource::next() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string id(kTraceIdSize, '0');
  std::uint64_t words[2] = {words_.next(), words_.next() | 1};
  for (std::size_t i = 0; i < kTraceIdSize; ++i) {
    id[i] = kDigits[(words[i / 16] >> (60 - 4 * (i % 16))) & 0xf];
  }
  return id;
}

}  // namespace wasabi::http
