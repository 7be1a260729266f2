#include "catalog/manifest_parser.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <tuple>

#include "base/utf8.h"
#include "catalog/nearest_name.h"
#include "catalog/route_text.h"
#include "catalog/toml_library.h"

namespace wasabi::catalog {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxProblems = 20;
constexpr std::size_t kMaxEnvironment = 256;
constexpr std::size_t kMaxArguments = 256;
constexpr std::size_t kMaxOutbound = 256;
constexpr std::size_t kMaxRoutes = 64;

template <typename T>
struct Range {
  T least;
  T most;
};
constexpr Range<ByteSize> kMemory{{64ull << 10}, {4ull << 30}};
constexpr Range<Duration> kTimeout{1ms, 1h};
constexpr Range<std::int64_t> kConcurrency{1, 100'000};
constexpr Range<ByteSize> kBody{{0}, {1ull << 40}};
constexpr Range<ByteSize> kLog{{0}, {16ull << 20}};
constexpr Range<std::int64_t> kReuse{0, 1'000'000};

class Problems {
 public:
  explicit Problems(std::vector<ManifestProblem>& list) : list_(list) {}

  void add(const toml::source_region& where, std::string reason) {
    if (list_.size() < kMaxProblems) list_.push_back({static_cast<int>(where.begin.line), std::move(reason)});
  }

 private:
  std::vector<ManifestProblem>& list_;
};

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

// A table whose keys are known: each is taken once, and finish() reports those that nobody took.
class KnownTable {
 public:
  KnownTable(const toml::table& table, std::string prefix, Problems& problems)
      : table_(table), prefix_(std::move(prefix)), problems_(problems) {}

  void string(std::string_view key, const std::function<void(const toml::node&, std::string_view)>& use) {
    if (const toml::node* node = take(key)) asString(*node, prefix_ + std::string(key), use);
  }

  void size(std::string_view key, Range<ByteSize> range, const std::function<void(ByteSize)>& use) {
    measure(key, "\"64MiB\"", range, parseByteSize, use);
  }
  void duration(std::string_view key, Range<Duration> range, const std::function<void(Duration)>& use) {
    measure(key, "\"30s\"", range, parseDuration, use);
  }

  void count(std::string_view key, Range<std::int64_t> range, std::uint32_t& out) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    const auto number = node->value_exact<std::int64_t>();
    if (!number) {
      problems_.add(node->source(), fmt::format("'{}{}' is {}; write a whole number", prefix_, key, typeName(*node)));
    } else if (*number < range.least || *number > range.most) {
      problems_.add(node->source(),
                    fmt::format("'{}{}' is {}; it must be {} to {}", prefix_, key, *number, range.least, range.most));
    } else {
      out = static_cast<std::uint32_t>(*number);
    }
  }

  void strings(std::string_view key, std::size_t limit,
               const std::function<void(const toml::node&, std::string_view)>& use) {
    const toml::array* array = takeArray(key, "an array of strings", limit);
    if (array == nullptr) return;
    for (const toml::node& node : *array) asString(node, fmt::format("{}{}[]", prefix_, key), use);
  }

  void table(std::string_view key, const std::function<void(const toml::table&)>& use) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    if (const toml::table* inner = node->as_table()) return use(*inner);
    problems_.add(node->source(), fmt::format("'{}{}' is {}; write a table: [{}]", prefix_, key, typeName(*node), key));
  }

  void tables(std::string_view key, std::size_t limit, const std::function<void(const toml::table&)>& use) {
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

  void refuse(std::string_view key, std::string_view reason) {
    if (const toml::node* node = take(key))
      problems_.add(node->source(), fmt::format("'{}{}' {}", prefix_, key, reason));
  }

  void finish() {
    for (const auto& [key, node] : table_) {
      const std::string_view name = key.str();
      if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
      const auto meant = nearestName(name, known_);
      problems_.add(key.source(),
                    meant ? fmt::format("unknown key '{}{}'; did you mean '{}{}'?", prefix_, name, prefix_, *meant)
                          : fmt::format("unknown key '{}{}'; known here: {}", prefix_, name, fmt::join(known_, ", ")));
    }
  }

 private:
  const toml::node* take(std::string_view key) {
    known_.push_back(key);
    return table_.get(key);
  }

  const toml::array* takeArray(std::string_view key, std::string_view wanted, std::size_t limit) {
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

  void asString(const toml::node& node, const std::string& name,
                const std::function<void(const toml::node&, std::string_view)>& use) {
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
  void measure(std::string_view key, std::string_view example, Range<T> range, Result<T> (*parse)(std::string_view),
               const std::function<void(T)>& use) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    const auto text = node->value_exact<std::string_view>();
    if (!text) {
      problems_.add(node->source(), fmt::format("'{}{}' is {}; write a string with its unit, for example {}", prefix_,
                                                key, typeName(*node), example));
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

  const toml::table& table_;
  std::string prefix_;
  Problems& problems_;
  std::vector<std::string_view> known_;
};

void readModule(KnownTable& top, const toml::table& table, Problems& problems, Manifest& out) {
  constexpr std::string_view kDigestPrefix = "sha256:";
  top.string("module", [&](const toml::node& node, std::string_view text) {
    if (text.empty()) return problems.add(node.source(), "'module' is empty; write the path of the .wasm file");
    if (!text.starts_with(kDigestPrefix)) {
      out.module = std::string(text);
      return;
    }
    const auto digest = parseModuleDigest(text.substr(kDigestPrefix.size()));
    if (!digest) return problems.add(node.source(), fmt::format("'module': {}", digest.error().message()));
    out.module = *digest;
  });
  if (!table.contains("module")) {
    problems.add({}, "'module' is missing; write the path of the .wasm file: module = \"app.wasm\"");
  }
}

void readLimits(const toml::table& table, Problems& problems, FunctionLimits& out) {
  KnownTable limits(table, "limits.", problems);
  limits.size("memory", kMemory, [&](ByteSize size) { out.memory = size; });
  limits.duration("timeout", kTimeout, [&](Duration duration) { out.timeout = duration; });
  limits.count("concurrency", kConcurrency, out.concurrency);
  limits.size("request_body", kBody, [&](ByteSize size) { out.request_body = size; });
  limits.size("response_body", kBody, [&](ByteSize size) { out.response_body = size; });
  limits.size("log", kLog, [&](ByteSize size) { out.log_per_second = size; });
  limits.refuse("cpu", "is not supported yet; leave it out");
  limits.finish();
}

void readEnvironment(const toml::table& table, Problems& problems, std::map<std::string, std::string>& out) {
  if (table.size() > kMaxEnvironment) {
    return problems.add(table.source(),
                        fmt::format("'env' has {} entries; it may have {}", table.size(), kMaxEnvironment));
  }
  for (const auto& [key, node] : table) {
    const std::string_view name = key.str();
    const auto value = node.value_exact<std::string_view>();
    if (name.empty() || name.find_first_of(std::string_view("=\0", 2)) != std::string_view::npos) {
      problems.add(key.source(), "a name in 'env' is empty or has '=' or a NUL character in it");
    } else if (!value) {
      problems.add(node.source(), fmt::format("'env.{}' is {}; write a string", name, typeName(node)));
    } else if (value->find('\0') != std::string_view::npos) {
      problems.add(node.source(), fmt::format("'env.{}' has a NUL character in it", name));
    } else {
      out.emplace(name, *value);
    }
  }
}

void readRoute(const toml::table& table, Problems& problems, std::vector<Route>& out) {
  Route route{.host = "", .path_prefix = "/"};
  KnownTable keys(table, "routes.", problems);
  keys.string("host", [&](const toml::node& node, std::string_view text) {
    auto host = normalizeHost(text);
    if (!host) return problems.add(node.source(), fmt::format("'routes.host': {}", host.error().message()));
    route.host = std::move(*host);
  });
  keys.string("path", [&](const toml::node& node, std::string_view text) {
    auto path = normalizePathPrefix(text);
    if (!path) return problems.add(node.source(), fmt::format("'routes.path': {}", path.error().message()));
    route.path_prefix = std::move(*path);
  });
  keys.finish();
  if (!table.contains("host") && !table.contains("path")) {
    problems.add(table.source(), "a route needs 'host' or 'path' or both");
  }
  out.push_back(std::move(route));
}

void readTop(const toml::table& table, Problems& problems, Manifest& out) {
  KnownTable top(table, "", problems);
  readModule(top, table, problems, out);
  top.string("http", [&](const toml::node& node, std::string_view text) {
    if (text == "cgi") {
      out.command_http = CommandHttp::kCgi;
    } else if (text != "plain") {
      problems.add(node.source(), fmt::format("'http' is '{}'; write \"plain\" or \"cgi\"", text));
    }
  });
  top.strings("args", kMaxArguments,
              [&](const toml::node&, std::string_view text) { out.arguments.emplace_back(text); });
  top.string("files", [&](const toml::node& node, std::string_view text) {
    if (text.empty())
      return problems.add(node.source(), "'files' is empty; write the path of a directory or leave it out");
    out.files = text;
  });
  top.strings("outbound", kMaxOutbound, [&](const toml::node& node, std::string_view text) {
    auto allowed = parseOutboundHost(text);
    if (!allowed) return problems.add(node.source(), fmt::format("'outbound': {}", allowed.error().message()));
    out.outbound.push_back(std::move(*allowed));
  });
  top.count("reuse", kReuse, out.reuse);
  top.table("limits", [&](const toml::table& limits) { readLimits(limits, problems, out.limits); });
  top.table("env", [&](const toml::table& environment) { readEnvironment(environment, problems, out.environment); });
  top.tables("routes", kMaxRoutes, [&](const toml::table& route) { readRoute(route, problems, out.routes); });
  top.finish();
}

}  // namespace

ParsedManifest parseManifest(std::string_view text) {
  ParsedManifest result;
  Problems problems(result.problems);
  if (text.size() > kMaxManifestBytes) {
    problems.add({}, fmt::format("the manifest has more than {} bytes", kMaxManifestBytes));
    return result;
  }
  if (!isUtf8(text)) {
    problems.add({}, "the manifest is not UTF-8 text");
    return result;
  }
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    problems.add(parsed.error().source(), fmt::format("not TOML: {}", parsed.error().description()));
    return result;
  }
  readTop(parsed.table(), problems, result.manifest);
  std::ranges::sort(result.problems, [](const ManifestProblem& a, const ManifestProblem& b) {
    return std::tie(a.line, a.reason) < std::tie(b.line, b.reason);
  });
  return result;
}

}  // namespace wasabi::catalog
