#include "box/config_keys.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <filesystem>
#include <span>
#include <type_traits>
#include <utility>

#include "base/log.h"
#include "catalog/toml_table.h"
#include "policy/tenant_shares.h"

namespace wasabi::box {
namespace {

using namespace literals;
using namespace std::chrono_literals;
using catalog::Range;

constexpr std::size_t kMaxListeners = 64;
constexpr std::array<std::string_view, 3> kModes = {"declared", "ratio", "risk"};
constexpr std::array<std::string_view, 2> kCompile = {"on-demand", "never"};
constexpr Change kLive = Change::kLive;
constexpr Change kRestart = Change::kRestart;

// ---- values as they stand in the file -------------------------------------------------------------------------------

std::string inQuotes(std::string_view text) {
  std::string out;
  appendJsonString(out, text);
  return out;
}
std::string written(ByteSize size) {
  return inQuotes(toString(size));
}
std::string written(Duration duration) {
  return inQuotes(toString(duration));
}
std::string written(double number) {
  return fmt::format("{}", number);
}
std::string written(const std::string& text) {
  return text.empty() ? "" : inQuotes(text);
}
std::string written(const std::vector<std::string>& texts) {
  std::vector<std::string> items;
  for (const std::string& text : texts) items.push_back(inQuotes(text));
  return fmt::format("[{}]", fmt::join(items, ", "));
}
template <std::integral Number>
std::string written(Number number) {
  return fmt::format("{}", number);
}
std::string written(const std::optional<std::uint32_t>& number) {
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

template <typename Config = BoxConfig, typename In>
Key<Config> size(Name name, Change change, Range<ByteSize> range, In in, Name usual = {}) {
  return {name,
          change,
          "size",
          rangeText(range),
          usual,
          [=](Source from, Name key, Config& config) {
            from.table.size(key, range, [&](ByteSize value) { in(config) = value; });
          },
          [=](const Config& config) { return written(in(config)); }};
}

template <typename Config = BoxConfig, typename In>
Key<Config> duration(Name name, Change change, Range<Duration> range, In in) {
  return {name,
          change,
          "duration",
          rangeText(range),
          {},
          [=](Source from, Name key, Config& config) {
            from.table.duration(key, range, [&](Duration value) { in(config) = value; });
          },
          [=](const Config& config) { return written(in(config)); }};
}

template <typename Config = BoxConfig, typename In>
Key<Config> cores(Name name, Change change, Range<Cores> range, In in, Name usual) {
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

template <typename Config = BoxConfig, typename In>
Key<Config> number(Name name, Change change, Range<double> range, In in) {
  return {name,
          change,
          "number",
          rangeText(range),
          {},
          [=](Source from, Name key, Config& config) {
            from.table.number(key, range, [&](double value) { in(config) = value; });
          },
          [=](const Config& config) { return written(in(config)); }};
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

template <typename Config = BoxConfig, typename In>
Key<Config> count(Name name, Change change, Range<std::int64_t> range, In in, Name usual = {}) {
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
template <typename In>
BoxKey choice(Name name, Change change, std::span<const Name> names, In in) {
  using Enum = std::remove_cvref_t<std::invoke_result_t<In, BoxConfig&>>;
  return {name,
          change,
          "choice",
          fmt::format("{}", fmt::join(names, ", ")),
          {},
          [=](Source from, Name key, BoxConfig& config) {
            from.table.string(key, [&](const toml::node& node, Name text) {
              for (std::size_t i = 0; i < names.size(); ++i) {
                if (text == names[i]) return void(in(config) = static_cast<Enum>(i));
              }
              from.problems.add(node.source(), fmt::format("'{}' is '{}'; write one of: \"{}\"", name, text,
                                                           fmt::join(names, "\", \"")));
            });
          },
          [=](const BoxConfig& config) { return inQuotes(names[static_cast<std::size_t>(in(config))]); }};
}

// An enumeration of "no" and "yes".
template <typename In>
BoxKey flag(Name name, Change change, In in) {
  using Enum = std::remove_cvref_t<std::invoke_result_t<In, BoxConfig&>>;
  return {name,
          change,
          "boolean",
          "",
          {},
          [=](Source from, Name key, BoxConfig& config) {
            from.table.flag(key, [&](bool value) { in(config) = static_cast<Enum>(value); });
          },
          [=](const BoxConfig& config) { return in(config) == static_cast<Enum>(true) ? "true" : "false"; }};
}

template <typename In, typename Use>
BoxKey text(Name name, Name type, Name usual, In in, Use use) {
  return {name,
          kRestart,
          type,
          "",
          usual,
          [=](Source from, Name key, BoxConfig& config) {
            from.table.string(key, [&](const toml::node& node, Name value) {
              if (!value.empty()) return void(in(config) = use(from, value));
              from.problems.add(node.source(), fmt::format("'{}' is empty; write something or leave it out", name));
            });
          },
          [=](const BoxConfig& config) { return written(in(config)); }};
}

std::string absolute(Source from, Name path) {
  return (std::filesystem::path(from.folder) / path).lexically_normal().string();
}

template <typename In>
BoxKey path(Name name, Name usual, In in) {
  return text(name, "path", usual, in,
              [](Source from, Name value) { return value == "-" ? std::string(value) : absolute(from, value); });
}

template <typename In>
BoxKey strings(Name name, std::size_t most, In in) {
  return {name,
          kRestart,
          "strings",
          fmt::format("1 to {}", most),
          {},
          [=](Source from, Name key, BoxConfig& config) {
            std::vector<std::string> found;
            from.table.strings(key, most, [&](const toml::node&, Name value) { found.emplace_back(value); });
            if (!found.empty()) in(config) = std::move(found);
          },
          [=](const BoxConfig& config) { return written(in(config)); }};
}

// ---- the tables -----------------------------------------------------------------------------------------------------

#define WASABI_IN(place) [](auto& c) -> auto& { return c.place; }

void addServing(std::vector<BoxKey>& keys) {
  const Range<Duration> delay{0s, 1h};
  keys.insert(
      keys.end(),
      {path("catalog", "required, here or as an option", WASABI_IN(catalog_directory)),
       path("store", "required, here or as an option", WASABI_IN(store_directory)),
       strings("listen", kMaxListeners, WASABI_IN(listen)),
       text("admin", "string", "a unix socket of its own", WASABI_IN(admin_listen),
            [](Source, Name value) { return std::string(value); }),
       count("workers", kRestart, {1, 256}, WASABI_IN(workers), "what the container may use, rounded up"),
       path("logs.access", "none", WASABI_IN(access_log)), path("logs.function", "none", WASABI_IN(function_log)),
       duration("drain.delay", kRestart, delay, WASABI_IN(drain_delay)),
       duration("drain.timeout", kRestart, delay, WASABI_IN(drain_timeout)),
       flag("outbound.private_networks", kRestart, WASABI_IN(private_networks))});
}

void addSharing(std::vector<BoxKey>& keys) {
  const Range<std::int64_t> waiting{0, 1'000'000};
  keys.insert(
      keys.end(),
      {size("capacity.memory", kLive, {16_MiB, 16'384_GiB}, WASABI_IN(capacity.memory),
            "what the container may use, less a reserve"),
       cores("capacity.cpu", kLive, catalog::kCoresRange, WASABI_IN(capacity.cpu), "what the container may use"),
       choice("memory.mode", kLive, kModes, WASABI_IN(booking.kind)),
       number("memory.ratio", kLive, {1, 100}, WASABI_IN(booking.ratio)),
       number("memory.risk", kLive, {1e-9, 0.5}, WASABI_IN(booking.risk)),
       number("memory.for_others", kLive, {0, policy::TenantShares::kMostKept}, WASABI_IN(kept_for_others)),
       text("memory.history", "path", "`history/demand-history` in the store", WASABI_IN(history_file),
            [](Source from, Name value) { return value == kNoHistory ? std::string(value) : absolute(from, value); }),
       size("memory.default_limit", kRestart, catalog::kMemoryRange, WASABI_IN(function_defaults.memory)),
       duration("cpu.backlog", kLive, {1ms, 10s}, WASABI_IN(cpu_backlog)),
       count("queue.total", kLive, waiting, WASABI_IN(queue.total)),
       count("queue.per_tenant", kLive, waiting, WASABI_IN(queue.tenant)),
       count("queue.per_function", kLive, waiting, WASABI_IN(queue.function)),
       duration("defaults.timeout", kRestart, catalog::kTimeoutRange, WASABI_IN(function_defaults.timeout)),
       count("defaults.concurrency", kRestart, catalog::kConcurrencyRange, WASABI_IN(function_defaults.concurrency))});
}

void addLimits(std::vector<BoxKey>& keys) {
  keys.insert(keys.end(), {count("limits.invocations", kRestart, {1, 20'000}, WASABI_IN(engine.max_invocations)),
                           count("limits.connections", kRestart, {1, 1'000'000}, WASABI_IN(http.max_connections)),
                           count("limits.streams", kRestart, {1, 100'000}, WASABI_IN(http.max_concurrent_streams)),
                           size("limits.memory", kRestart, catalog::kMemoryRange, WASABI_IN(engine.max_memory)),
                           count("limits.programs", kRestart, {1, 100'000}, WASABI_IN(programs.max_programs)),
                           size("limits.program_memory", kRestart, {1_MiB, 1'024_GiB}, WASABI_IN(programs.mapped)),
                           size("limits.warm_memory", kRestart, {0_B, 1'024_GiB}, WASABI_IN(programs.warm_memory)),
                           choice("compile.when", kRestart, kCompile, WASABI_IN(compile)),
                           path("compile.key", "builder.key beside the store", WASABI_IN(builder.key_file)),
                           path("compile.verify_key", "none", WASABI_IN(verify_key_file)),
                           path("compile.compiler", "beside wasabi-box", WASABI_IN(builder.compiler)),
                           count("compile.jobs", kRestart, {1, 64}, WASABI_IN(builder.max_parallel)),
                           duration("compile.cpu", kRestart, {1s, 1h}, WASABI_IN(builder.cpu_limit)),
                           size("compile.memory", kRestart, {64_MiB, 1'024_GiB}, WASABI_IN(builder.memory_limit))});
}

template <typename Config>
void compare(const std::vector<Key<Config>>& keys, const std::string& table, const Config& before, const Config& after,
             ConfigChanges& changes) {
  const auto shown = [](const std::string& value) { return value.empty() ? "none" : value; };
  for (const Key<Config>& key : keys) {
    const std::string was = key.value(before);
    const std::string is = key.value(after);
    if (was == is) continue;
    (key.change == kLive ? changes.live : changes.need_restart)
        .push_back(fmt::format("{}{}: {} -> {}", table, key.name, shown(was), shown(is)));
  }
}

}  // namespace

const std::vector<BoxKey>& boxKeys() {
  static const std::vector<BoxKey> kKeys = [] {
    std::vector<BoxKey> keys;
    addServing(keys);
    addSharing(keys);
    addLimits(keys);
    return keys;
  }();
  return kKeys;
}

const std::vector<TenantKey>& tenantKeys() {
  static const std::vector<TenantKey> kKeys = {
      count<TenantPolicy>("weight", kLive, {1, 10'000}, WASABI_IN(weight)),
      count<TenantPolicy>("concurrency", kLive, catalog::kConcurrencyRange, WASABI_IN(concurrency), "none")};
  return kKeys;
}

std::string_view nameOf(policy::BookingMode::Kind mode) {
  return kModes[static_cast<std::size_t>(mode)];
}

ConfigChanges changesBetween(const BoxConfig& before, const BoxConfig& after) {
  ConfigChanges changes;
  compare(boxKeys(), "", before, after, changes);
  // A tenant without a table has the defaults.
  std::map<std::string, TenantPolicy> tenants = before.tenants;
  tenants.insert(after.tenants.begin(), after.tenants.end());
  const auto policyIn = [](const BoxConfig& config, const std::string& name) {
    const auto found = config.tenants.find(name);
    return found == config.tenants.end() ? TenantPolicy{} : found->second;
  };
  for (const auto& [name, ignored] : tenants) {
    compare(tenantKeys(), "tenants." + name + '.', policyIn(before, name), policyIn(after, name), changes);
  }
  return changes;
}

}  // namespace wasabi::box
