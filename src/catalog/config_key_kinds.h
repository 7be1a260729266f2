// The kinds of keys that configuration files have. Private to the .cc files that say which keys there are: it brings
// the TOML library.
//
// `in(config)` is the place of the value. `usual` is the default in words where it is no constant.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <concepts>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/units.h"
#include "catalog/config_key.h"
#include "catalog/toml_table.h"
#include "catalog/value_range.h"

// The place of a value: WASABI_IN(queue.total).
#define WASABI_IN(place) [](auto& c) -> auto& { return c.place; }

namespace wasabi::catalog::keys {

// ---- values as they stand in the file -------------------------------------------------------------------------------

inline std::string inQuotes(std::string_view text) {
  std::string out;
  appendJsonString(out, text);
  return out;
}
inline std::string written(ByteSize size) {
  return inQuotes(toString(size));
}
inline std::string written(Duration duration) {
  return inQuotes(toString(duration));
}
inline std::string written(double number) {
  return fmt::format("{}", number);
}
inline std::string written(const std::string& text) {
  return text.empty() ? "" : inQuotes(text);
}
inline std::string written(const std::vector<std::string>& texts) {
  std::vector<std::string> items;
  for (const std::string& text : texts) items.push_back(inQuotes(text));
  return fmt::format("[{}]", fmt::join(items, ", "));
}
template <std::integral Number>
std::string written(Number number) {
  return fmt::format("{}", number);
}
inline std::string written(const std::optional<std::uint32_t>& number) {
  return number ? written(*number) : "";
}

template <typename T>
std::string rangeText(const Range<T>& range) {
  if constexpr (std::is_arithmetic_v<T>) {
    return fmt::format("{} to {}", range.least, range.most);
  } else {
    return fmt::format("{} to {}", toString(range.least), toString(range.most));
  }
}

// ---- kinds of keys; `in(config)` is the place of the value ----------------------------------------------------------

using Source = const KeySource&;
using Name = std::string_view;

// What has a range and is kept as it is read.
template <typename Config, typename Value, typename In>
ConfigKey<Config> measured(Name name, Change change, Name type, Range<Value> range, Name usual,
                           void (KnownTable::*take)(Name, Range<Value>, const std::function<void(Value)>&), In in) {
  return {name,
          change,
          type,
          rangeText(range),
          usual,
          [=](Source from, Name key, Config& config) {
            (from.table.*take)(key, range, [&](Value value) { in(config) = value; });
          },
          [=](const Config& config) { return written(in(config)); }};
}

template <typename Config, typename In>
ConfigKey<Config> size(Name name, Change change, Range<ByteSize> range, In in, Name usual = {}) {
  return measured<Config>(name, change, "size", range, usual, &KnownTable::size, in);
}

template <typename Config, typename In>
ConfigKey<Config> duration(Name name, Change change, Range<Duration> range, In in) {
  return measured<Config>(name, change, "duration", range, {}, &KnownTable::duration, in);
}

template <typename Config, typename In>
ConfigKey<Config> number(Name name, Change change, Range<double> range, In in) {
  return measured<Config>(name, change, "number", range, {}, &KnownTable::number, in);
}

template <typename Config, typename In>
ConfigKey<Config> cores(Name name, Change change, Range<Cores> range, In in, Name usual) {
  return {name,
          change,
          "cores",
          rangeText(range),
          usual,
          [=](Source from, Name key, Config& config) {
            from.table.cores(key, range, [&](Cores value) { in(config) = value.value; });
          },
          [=](const Config& config) { return inQuotes(toString(Cores{in(config)})); }};
}

template <typename>
struct WholeNumber;
template <std::integral Number>
struct WholeNumber<Number> {
  using Type = Number;
};
template <typename Number>
struct WholeNumber<std::optional<Number>> {
  using Type = Number;
};

template <typename Config, typename In>
ConfigKey<Config> count(Name name, Change change, Range<std::int64_t> range, In in, Name usual = {}) {
  using Number = typename WholeNumber<std::remove_cvref_t<std::invoke_result_t<In, Config&>>>::Type;
  return {name,
          change,
          "count",
          rangeText(range),
          usual,
          [=](Source from, Name key, Config& config) {
            from.table.count(key, range, [&](std::int64_t value) { in(config) = static_cast<Number>(value); });
          },
          [=](const Config& config) { return written(in(config)); }};
}

// An enumeration whose values are 0, 1, ... in the order of their names.
template <typename Config, typename In>
ConfigKey<Config> choice(Name name, Change change, std::span<const Name> names, In in) {
  using Enum = std::remove_cvref_t<std::invoke_result_t<In, Config&>>;
  return {name,
          change,
          "choice",
          fmt::format("{}", fmt::join(names, ", ")),
          {},
          [=](Source from, Name key, Config& config) {
            from.table.string(key, [&](const toml::node& node, Name text) {
              for (std::size_t i = 0; i < names.size(); ++i) {
                if (text == names[i]) return void(in(config) = static_cast<Enum>(i));
              }
              from.problems.add(node.source(), fmt::format("'{}' is '{}'; write one of: \"{}\"", name, text,
                                                           fmt::join(names, "\", \"")));
            });
          },
          [=](const Config& config) { return inQuotes(names[static_cast<std::size_t>(in(config))]); }};
}

// An enumeration of "no" and "yes".
template <typename Config, typename In>
ConfigKey<Config> flag(Name name, Change change, In in) {
  using Enum = std::remove_cvref_t<std::invoke_result_t<In, Config&>>;
  return {name,
          change,
          "boolean",
          "",
          {},
          [=](Source from, Name key, Config& config) {
            from.table.flag(key, [&](bool value) { in(config) = static_cast<Enum>(value); });
          },
          [=](const Config& config) { return in(config) == static_cast<Enum>(true) ? "true" : "false"; }};
}

template <typename Config, typename In, typename Use>
ConfigKey<Config> text(Name name, Name type, Name usual, In in, Use use) {
  return {name,
          Change::kRestart,
          type,
          "",
          usual,
          [=](Source from, Name key, Config& config) {
            from.table.string(key, [&](const toml::node& node, Name value) {
              if (!value.empty()) return void(in(config) = use(from, value));
              from.problems.add(node.source(), fmt::format("'{}' is empty; write something or leave it out", name));
            });
          },
          [=](const Config& config) { return written(in(config)); }};
}

template <typename Config, typename In>
ConfigKey<Config> string(Name name, Name usual, In in) {
  return text<Config>(name, "string", usual, in, [](Source, Name value) { return std::string(value); });
}

inline std::string absolute(Source from, Name path) {
  return (std::filesystem::path(from.folder) / path).lexically_normal().string();
}

template <typename Config, typename In>
ConfigKey<Config> path(Name name, Name usual, In in) {
  return text<Config>(name, "path", usual, in, [](Source from, Name value) {
    return value == "-" ? std::string(value) : absolute(from, value);
  });
}

template <typename Config, typename In>
ConfigKey<Config> strings(Name name, std::size_t most, In in) {
  return {name,
          Change::kRestart,
          "strings",
          fmt::format("1 to {}", most),
          {},
          [=](Source from, Name key, Config& config) {
            std::vector<std::string> found;
            from.table.strings(key, most, [&](const toml::node&, Name value) { found.emplace_back(value); });
            if (!found.empty()) in(config) = std::move(found);
          },
          [=](const Config& config) { return written(in(config)); }};
}

}  // namespace wasabi::catalog::keys
