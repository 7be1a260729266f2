// Kinds of settings: what may stand there and what a mistake is told. For the .cc files of this folder.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "queueproxy/config_variables.h"

namespace wasabi::queueproxy::kinds {

struct Names {
  std::string_view variable;
  std::string_view annotation = {};
};

// `get` answers the place in a configuration; what stands there by default is the default.
template <typename Get>
ConfigVariable whole(Names names, std::string_view type, std::uint64_t least, std::uint64_t most, Get get) {
  QueueProxyConfig usual;
  return {names.variable,
          names.annotation,
          type,
          fmt::format("{}", get(usual)),
          fmt::format("{} to {}", least, most),
          [=](const std::string& value, QueueProxyConfig& config) -> Result<void> {
            const auto number = parseDecimal<std::uint64_t>(value);
            if (!number || *number < least || *number > most) {
              return fail(ErrorCode::kInvalid, fmt::format("write a whole number from {} to {}", least, most));
            }
            get(config) = static_cast<std::remove_reference_t<decltype(get(config))>>(*number);
            return {};
          }};
}

// Whole seconds, as Knative writes them; 0: no limit.
template <typename Get>
ConfigVariable seconds(Names names, std::uint64_t most, Get get) {
  QueueProxyConfig usual;
  const auto default_seconds = std::chrono::duration_cast<std::chrono::seconds>(get(usual)).count();
  return {names.variable,
          names.annotation,
          "seconds",
          fmt::format("{}", default_seconds),
          fmt::format("0 to {}", most),
          [=](const std::string& value, QueueProxyConfig& config) -> Result<void> {
            const auto number = parseDecimal<std::uint64_t>(value);
            if (!number || *number > most) {
              return fail(ErrorCode::kInvalid, fmt::format("write whole seconds, from 0 to {}", most));
            }
            get(config) = std::chrono::seconds(*number);
            return {};
          }};
}

template <typename Get>
ConfigVariable duration(Names names, Duration least, Duration most, Get get) {
  QueueProxyConfig usual;
  const std::string range = fmt::format("{} to {}", wasabi::toString(least), wasabi::toString(most));
  return {names.variable,
          names.annotation,
          "duration",
          wasabi::toString(get(usual)),
          range,
          [=](const std::string& value, QueueProxyConfig& config) -> Result<void> {
            const auto parsed = parseDuration(value);
            if (!parsed || *parsed < least || *parsed > most) {
              return fail(ErrorCode::kInvalid, fmt::format("write a duration with its unit (\"30s\"), {}", range));
            }
            get(config) = *parsed;
            return {};
          }};
}

template <typename Get>
ConfigVariable size(Names names, ByteSize least, ByteSize most, Get get) {
  QueueProxyConfig usual;
  const std::string range = fmt::format("{} to {}", wasabi::toString(least), wasabi::toString(most));
  return {names.variable,
          names.annotation,
          "size",
          wasabi::toString(get(usual)),
          range,
          [=](const std::string& value, QueueProxyConfig& config) -> Result<void> {
            const auto parsed = parseByteSize(value);
            if (!parsed || *parsed < least || *parsed > most) {
              return fail(ErrorCode::kInvalid, fmt::format("write a size with its unit (\"200MiB\"), {}", range));
            }
            get(config) = *parsed;
            return {};
          }};
}

// What Go's strconv.ParseBool takes.
inline std::optional<bool> parseFlag(std::string_view text) {
  for (const std::string_view yes : {"true", "True", "TRUE", "t", "T", "1"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"false", "False", "FALSE", "f", "F", "0"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

template <typename Get>
ConfigVariable flag(Names names, Get get) {
  QueueProxyConfig usual;
  return {names.variable,
          names.annotation,
          "flag",
          get(usual) ? "true" : "false",
          "",
          [=](const std::string& value, QueueProxyConfig& config) -> Result<void> {
            const auto parsed = parseFlag(value);
            if (!parsed) return fail(ErrorCode::kInvalid, "write true or false");
            get(config) = *parsed;
            return {};
          }};
}

template <typename Get>
ConfigVariable text(Names names, std::size_t most, Get get) {
  QueueProxyConfig usual;
  return {names.variable,
          names.annotation,
          "text",
          get(usual),
          fmt::format("up to {} bytes", most),
          [=](const std::string& value, QueueProxyConfig& config) -> Result<void> {
            if (value.size() > most) {
              return fail(ErrorCode::kInvalid, fmt::format("write at most {} bytes", most));
            }
            get(config) = value;
            return {};
          }};
}

// Read by a function of its own.
template <typename Read>
ConfigVariable other(Names names, std::string_view type, std::string usual, std::string range, Read read) {
  return {names.variable, names.annotation, type, std::move(usual), std::move(range), std::move(read)};
}

}  // namespace wasabi::queueproxy::kinds
