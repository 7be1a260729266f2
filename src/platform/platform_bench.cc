// What 10,000 functions of 100 tenants cost: to open, to look up in, to change. Run it pinned, on an idle machine.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>

#include "base/sha256.h"
#include "platform/data_directory.h"
#include "platform/records.h"

namespace wasabi::platform {
namespace {

constexpr int kTenants = 100;

void require(bool ok, std::string_view what) {
  if (ok) return;
  std::cerr << what << "\n";
  std::quick_exit(1);
}

std::string tenantName(int i) {
  return "tenant-" + std::to_string(i % kTenants);
}
std::string functionName(int i) {
  return "function-" + std::to_string(i / kTenants);
}

// A data directory with so many functions, each with `versions` versions; gone with the program.
class Deployed {
 public:
  Deployed(int functions, int versions) {
    std::string pattern = (std::filesystem::temp_directory_path() / "wasabi-bench-XXXXXX").string();
    require(mkdtemp(pattern.data()) != nullptr, pattern);
    path_ = pattern;
    directory_ = DataDirectory::open(path_).value();
    auto records = open();
    for (int i = 0; i < kTenants; ++i) {
      TenantRecord tenant;
      tenant.name = tenantName(i);
      tenant.hosts = {"host-" + std::to_string(i) + ".example.com"};
      require(records->createTenant(tenant).has_value(), tenant.name);
    }
    for (int i = 0; i < functions; ++i) deploy(*records, i, versions);
  }
  Deployed(const Deployed&) = delete;
  Deployed& operator=(const Deployed&) = delete;
  ~Deployed() {
    directory_.reset();
    std::filesystem::remove_all(path_);
  }

  std::unique_ptr<Records> open() { return Records::open(directory_->disk(), {path_, "", {}}).value(); }

 private:
  static void deploy(Records& records, int i, int versions) {
    Deployment deployment;
    deployment.name = {tenantName(i), functionName(i)};
    for (int version = 1; version <= versions; ++version) {
      deployment.manifest =
          "module = 'app.wasm'\n[limits]\nmemory = '64MiB'\ncpu = '250m'\n[env]\nSTAGE = 'production'\n" +
          ("GENERATION = '" + std::to_string(version) + "'\n[[routes]]\nhost = 'host-") + std::to_string(i % kTenants) +
          ".example.com'\npath = '/" + functionName(i) + "'\n";
      deployment.module = Digest{sha256(std::to_string(i * 100 + version))};
      const auto deployed = records.deploy(deployment, [](const Version&) { return Result<void>(); });
      require(deployed.has_value(), deployed ? "" : deployed.error().message());
      const auto number = static_cast<std::uint32_t>(version);
      const auto ready =
          records.change(deployment.name, [number](auto record) { return withReady(std::move(record), number); });
      require(ready.has_value(), "ready");
    }
  }

  std::string path_;
  std::unique_ptr<DataDirectory> directory_;
};

// Made once for each size: on a disk that syncs this takes longer than all that is measured.
Deployed& deployed(benchmark::State& state, int versions = 1) {
  static std::map<std::pair<std::int64_t, int>, std::unique_ptr<Deployed>> made;
  auto& one = made[{state.range(0), versions}];
  if (!one) one = std::make_unique<Deployed>(static_cast<int>(state.range(0)), versions);
  return *one;
}

void openRecords(benchmark::State& state) {
  Deployed& directory = deployed(state, static_cast<int>(state.range(1)));
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(directory.open());
}
BENCHMARK(openRecords)->Args({10'000, 1})->Args({10'000, 5})->Unit(benchmark::kMillisecond);

void routeByPath(benchmark::State& state) {
  const auto records = deployed(state).open();
  const SnapshotPtr snapshot = records->snapshot();
  const auto functions = static_cast<int>(state.range(0));
  std::vector<std::string> paths;
  paths.reserve(static_cast<std::size_t>(functions));
  for (int i = 0; i < functions; ++i) paths.push_back("/" + tenantName(i) + "/" + functionName(i) + "/x");
  std::size_t next = 0;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(snapshot->route("localhost:8080", paths[next]));
    next = (next + 7919) % paths.size();
  }
}
BENCHMARK(routeByPath)->Arg(100)->Arg(10'000);

void routeByHost(benchmark::State& state) {
  const auto records = deployed(state).open();
  const SnapshotPtr snapshot = records->snapshot();
  const auto functions = static_cast<int>(state.range(0));
  std::vector<std::pair<std::string, std::string>> addresses;
  addresses.reserve(static_cast<std::size_t>(functions));
  for (int i = 0; i < functions; ++i) {
    addresses.emplace_back("host-" + std::to_string(i % kTenants) + ".example.com", "/" + functionName(i) + "/x");
  }
  std::size_t next = 0;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(snapshot->route(addresses[next].first, addresses[next].second));
    next = (next + 7919) % addresses.size();
  }
}
BENCHMARK(routeByHost)->Arg(100)->Arg(10'000);

// A change without its disk: a function of one tenant gets other traffic.
void nextSnapshot(benchmark::State& state) {
  const auto records = deployed(state).open();
  SnapshotPtr snapshot = records->snapshot();
  int next = 0;
  for ([[maybe_unused]] auto _ : state) {
    const TenantTablePtr table = snapshot->table(tenantName(next));
    auto record = std::make_shared<const FunctionRecord>(*table->functions().front());
    snapshot = snapshot->with(tenantName(next), table->with(std::move(record)));
    next = (next + 1) % kTenants;
  }
}
BENCHMARK(nextSnapshot)->Arg(100)->Arg(10'000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace wasabi::platform
