#include "box/config_keys.h"

#include <array>
#include <map>
#include <utility>

#include "catalog/config_key_kinds.h"
#include "policy/tenant_shares.h"

namespace wasabi::box {
namespace {

using namespace literals;
using namespace std::chrono_literals;
using catalog::Range;
using namespace catalog::keys;

constexpr std::size_t kMaxListeners = 64;
constexpr std::array<std::string_view, 2> kCompile = {"on-demand", "never"};
constexpr Change kLive = Change::kLive;
constexpr Change kRestart = Change::kRestart;

// ---- the tables -----------------------------------------------------------------------------------------------------

void addServing(std::vector<BoxKey>& keys) {
  const Range<Duration> delay{0s, 1h};
  keys.insert(keys.end(), {path<BoxConfig>("catalog", "required, here or as an option", WASABI_IN(catalog_directory)),
                           path<BoxConfig>("store", "required, here or as an option", WASABI_IN(store_directory)),
                           strings<BoxConfig>("listen", kMaxListeners, WASABI_IN(listen)),
                           string<BoxConfig>("admin", "a unix socket of its own", WASABI_IN(admin_listen)),
                           count<BoxConfig>("workers", kRestart, {1, 256}, WASABI_IN(workers),
                                            "what the container may use, rounded up"),
                           path<BoxConfig>("logs.access", "none", WASABI_IN(access_log)),
                           path<BoxConfig>("logs.function", "none", WASABI_IN(function_log)),
                           duration<BoxConfig>("drain.delay", kRestart, delay, WASABI_IN(drain_delay)),
                           duration<BoxConfig>("drain.timeout", kRestart, delay, WASABI_IN(drain_timeout)),
                           flag<BoxConfig>("outbound.private_networks", kRestart, WASABI_IN(private_networks))});
}

void addSharing(std::vector<BoxKey>& keys) {
  const Range<std::int64_t> waiting{0, 1'000'000};
  keys.insert(
      keys.end(),
      {size<BoxConfig>("capacity.memory", kLive, {16_MiB, 16'384_GiB}, WASABI_IN(capacity.memory),
                       "what the container may use, less a reserve"),
       cores<BoxConfig>("capacity.cpu", kLive, catalog::kCoresRange, WASABI_IN(capacity.cpu),
                        "what the container may use"),
       choice<BoxConfig>("memory.mode", kLive, policy::kBookingModeNames, WASABI_IN(booking.kind)),
       number<BoxConfig>("memory.ratio", kLive, {1, 100}, WASABI_IN(booking.ratio)),
       number<BoxConfig>("memory.risk", kLive, {1e-9, 0.5}, WASABI_IN(booking.risk)),
       number<BoxConfig>("memory.for_others", kLive, {0, policy::TenantShares::kMostKept}, WASABI_IN(kept_for_others)),
       text<BoxConfig>(
           "memory.history", "path", "`history/demand-history` in the store", WASABI_IN(history_file),
           [](Source from, Name value) { return value == kNoHistory ? std::string(value) : absolute(from, value); }),
       size<BoxConfig>("memory.default_limit", kRestart, catalog::kMemoryRange, WASABI_IN(function_defaults.memory)),
       duration<BoxConfig>("cpu.backlog", kLive, {1ms, 10s}, WASABI_IN(cpu_backlog)),
       count<BoxConfig>("queue.total", kLive, waiting, WASABI_IN(queue.total)),
       count<BoxConfig>("queue.per_tenant", kLive, waiting, WASABI_IN(queue.tenant)),
       count<BoxConfig>("queue.per_function", kLive, waiting, WASABI_IN(queue.function)),
       duration<BoxConfig>("defaults.timeout", kRestart, catalog::kTimeoutRange, WASABI_IN(function_defaults.timeout)),
       count<BoxConfig>("defaults.concurrency", kRestart, catalog::kConcurrencyRange,
                        WASABI_IN(function_defaults.concurrency))});
}

void addLimits(std::vector<BoxKey>& keys) {
  keys.insert(keys.end(),
              {count<BoxConfig>("limits.invocations", kRestart, {1, 20'000}, WASABI_IN(engine.max_invocations)),
               count<BoxConfig>("limits.connections", kRestart, {1, 1'000'000}, WASABI_IN(http.max_connections)),
               count<BoxConfig>("limits.streams", kRestart, {1, 100'000}, WASABI_IN(http.max_concurrent_streams)),
               size<BoxConfig>("limits.memory", kRestart, catalog::kMemoryRange, WASABI_IN(engine.max_memory)),
               count<BoxConfig>("limits.programs", kRestart, {1, 100'000}, WASABI_IN(programs.max_programs)),
               size<BoxConfig>("limits.program_memory", kRestart, {1_MiB, 1'024_GiB}, WASABI_IN(programs.mapped)),
               size<BoxConfig>("limits.warm_memory", kRestart, {0_B, 1'024_GiB}, WASABI_IN(programs.warm_memory)),
               choice<BoxConfig>("compile.when", kRestart, kCompile, WASABI_IN(compile)),
               path<BoxConfig>("compile.key", "builder.key beside the store", WASABI_IN(builder.key_file)),
               path<BoxConfig>("compile.verify_key", "none", WASABI_IN(verify_key_file)),
               path<BoxConfig>("compile.compiler", "beside wasabi-box", WASABI_IN(builder.compiler)),
               count<BoxConfig>("compile.jobs", kRestart, {1, 64}, WASABI_IN(builder.max_parallel)),
               duration<BoxConfig>("compile.cpu", kRestart, {1s, 1h}, WASABI_IN(builder.cpu_limit)),
               size<BoxConfig>("compile.memory", kRestart, {64_MiB, 1'024_GiB}, WASABI_IN(builder.memory_limit))});
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
      count<TenantPolicy>("weight", kLive, {1, 100'000}, WASABI_IN(weight)),
      count<TenantPolicy>("concurrency", kLive, catalog::kConcurrencyRange, WASABI_IN(concurrency), "none")};
  return kKeys;
}

ConfigChanges changesBetween(const BoxConfig& before, const BoxConfig& after) {
  ConfigChanges changes;
  catalog::addChanges(boxKeys(), "", before, after, changes);
  // A tenant without a table has the defaults.
  std::map<std::string, TenantPolicy> tenants = before.tenants;
  tenants.insert(after.tenants.begin(), after.tenants.end());
  const auto policyIn = [](const BoxConfig& config, const std::string& name) {
    const auto found = config.tenants.find(name);
    return found == config.tenants.end() ? TenantPolicy{} : found->second;
  };
  for (const auto& [name, ignored] : tenants) {
    catalog::addChanges(tenantKeys(), "tenants." + name + '.', policyIn(before, name), policyIn(after, name), changes);
  }
  return changes;
}

}  // namespace wasabi::box
