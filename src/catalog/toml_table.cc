#include "catalog/toml_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>

#include "base/utf8.h"
#include "catalog/nearest_name.h"

namespace wasabi::catalog {

void sortByLine(std::vector<TextProblem>& problems) {
  std::ranges::sort(problems, [](const TextProblem& a, const TextProblem& b) {
    return std::tie(a.line, a.reason) < std::tie(b.line, b.reason);
  });
}

std::optional<toml::table> parseToml(std::string_view text, std::string_view what, std::size_t max_bytes,
                                     Problems& problems) {
  if (text.size() > max_bytes) {
    problems.add(0, fmt::format("{} has more than {} bytes", what, max_bytes));
    return std::nullopt;
  }
  if (!isUtf8(text)) {
    problems.add(0, fmt::format("{} is not UTF-8 text", what));
    return std::nullopt;
  }
  toml::parse_result parsed = toml::parse(text);
  if (parsed) return std::move(parsed).table();
  problems.add(parsed.error().source(), fmt::format("not TOML: {}", parsed.error().description()));
  return std::nullopt;
}

std::string_view typeName(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "a boolean";
    default:
      return "a date or time";
  }
}

void KnownTable::string(std::string_view key, const UseText& use) {
  if (const toml::node* node = take(key)) asString(*node, prefix_ + std::string(key), use);
}

void KnownTable::strings(std::string_view key, std::size_t limit, const UseText& use) {
  const toml::array* array = takeArray(key, "an array of strings", limit);
  if (array == nullptr) return;
  for (const toml::node& node : *array) asString(node, fmt::format("{}{}[]", prefix_, key), use);
}

void KnownTable::size(std::string_view key, Range<ByteSize> range, const std::function<void(ByteSize)>& use) {
  measure(key, "with its unit, for example \"64MiB\"", range, parseByteSize, use);
}

void KnownTable::duration(std::string_view key, Range<Duration> range, const std::function<void(Duration)>& use) {
  measure(key, "with its unit, for example \"30s\"", range, parseDuration, use);
}

void KnownTable::cores(std::string_view key, Range<Cores> range, const std::function<void(Cores)>& use) {
  measure(key, "of cores, for example \"250m\" or \"2\"", range, parseCores, use);
}

void KnownTable::count(std::string_view key, Range<std::int64_t> range, const std::function<void(std::int64_t)>& use) {
  const toml::node* node = take(key);
  if (node == nullptr) return;
  const auto number = node->value_exact<std::int64_t>();
  if (!number) {
    problems_.add(node->source(), fmt::format("'{}{}' is {}; write a whole number", prefix_, key, typeName(*node)));
  } else if (*number < range.least || *number > range.most) {
    problems_.add(node->source(),
                  fmt::format("'{}{}' is {}; it must be {} to {}", prefix_, key, *number, range.least, range.most));
  } else {
    use(*number);
  }
}

void KnownTable::number(std::string_view key, Range<double> range, const std::function<void(double)>& use) {
  const toml::node* node = take(key);
  if (node == nullptr) return;
  const auto number = node->is_number() ? node->value<double>() : std::nullopt;
  if (!number) {
    problems_.add(node->source(), fmt::format("'{}{}' is {}; write a number", prefix_, key, typeName(*node)));
  } else if (!(*number >= range.least && *number <= range.most)) {  // NaN is in no range
    problems_.add(node->source(),
                  fmt::format("'{}{}' is {}; it must be {} to {}", prefix_, key, *number, range.least, range.most));
  } else {
    use(*number);
  }
}

void KnownTable::flag(std::string_view key, const std::function<void(bool)>& use) {
  const toml::node* node = take(key);
  if (node == nullptr) return;
  if (const auto value = node->value_exact<bool>()) return use(*value);
  problems_.add(node->source(), fmt::format("'{}{}' is {}; write true or false", prefix_, key, typeName(*node)));
}

void KnownTable::table(std::string_view key, const UseTable& use) {
  const toml::node* node = take(key);
  if (node == nullptr) return;
  if (const toml::table* inner = node->as_table()) return use(*inner);
  problems_.add(node->source(),
                fmt::format("'{}{}' is {}; write a table: [{}{}]", prefix_, key, typeName(*node), prefix_, key));
}

void KnownTable::tables(std::string_view key, std::size_t limit, const UseTable& use) {
  const toml::array* array = takeArray(key, "tables, [[routes]]", limit);
  if (array == nullptr) return;
  for (const toml::node& node : *array) {
    if (const toml::table* inner = node.as_table()) {
      use(*inner);
    } else {
      problems_.add(node.source(),
                    fmt::format("'{}{}' holds {}; write tables, [[{}]]", prefix_, key, typeName(node), key));
    }
  }
}

void KnownTable::finish() {
  for (const auto& [key, node] : table_) {
    const std::string_view name = key.str();
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const auto meant = nearestName(name, known_);
    problems_.add(key.source(),
                  meant ? fmt::format("unknown key '{}{}'; did you mean '{}{}'?", prefix_, name, prefix_, *meant)
                        : fmt::format("unknown key '{}{}'; known here: {}", prefix_, name, fmt::join(known_, ", ")));
  }
}

const toml::node* KnownTable::take(std::string_view key) {
  known_.push_back(key);
  return table_.get(key);
}

const toml::array* KnownTable::takeArray(std::string_view key, std::string_view wanted, std::size_t limit) {
  const toml::node* node = take(key);
  if (node == nullptr) return nullptr;
  const toml::array* array = node->as_array();
  if (array == nullptr) {
    problems_.add(node->source(), fmt::format("'{}{}' is {}; write {}", prefix_, key, typeName(*node), wanted));
  } else if (array->size() > limit) {
    problems_.add(node->source(),
                  fmt::format("'{}{}' has {} entries; it may have {}", prefix_, key, array->size(), limit));
    return nullptr;
  }
  return array;
}

void KnownTable::asString(const toml::node& node, const std::string& name, const UseText& use) {
  const auto text = node.value_exact<std::string_view>();
  if (!text) {
    problems_.add(node.source(), fmt::format("'{}' is {}; write a string", name, typeName(node)));
  } else if (text->find('\0') != std::string_view::npos) {
    problems_.add(node.source(), fmt::format("'{}' has a NUL character in it", name));
  } else {
    use(node, *text);
  }
}

template <typename T>
void KnownTable::measure(std::string_view key, std::string_view form, Range<T> range,
                         Result<T> (*parse)(std::string_view), const std::function<void(T)>& use) {
  const toml::node* node = take(key);
  if (node == nullptr) return;
  const auto text = node->value_exact<std::string_view>();
  if (!text) {
    problems_.add(node->source(), fmt::format("'{}{}' is {}; write a string {}", prefix_, key, typeName(*node), form));
    return;
  }
  const Result<T> value = parse(*text);
  if (!value) {
    problems_.add(node->source(), fmt::format("'{}{}': {}", prefix_, key, value.error().message()));
  } else if (*value < range.least || *value > range.most) {
    problems_.add(node->source(), fmt::format("'{}{}' is {}; it must be {} to {}", prefix_, key, *text,
                                              toString(range.least), toString(range.most)));
  } else {
    use(*value);
  }
}

}  // namespace wasabi::catalog
