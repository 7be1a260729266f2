// What it costs to place a request, and to decide on a number of replicas. By hand: build the target policy_bench.
#include <benchmark/benchmark.h>

#include <vector>

#include "policy/autoscaler.h"
#include "policy/placement.h"

namespace wasabi::policy {
namespace {

using namespace wasabi::literals;

void placeARequest(benchmark::State& state) {
  const auto count = static_cast<std::uint32_t>(state.range(0));
  std::vector<SuperpodView> superpods(count);
  std::vector<VersionOn> on(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    SuperpodView& view = superpods[i];
    view.state = SuperpodState::kReady;
    view.capacity = 4_GiB;
    view.booked = {(std::uint64_t{i} * 7919 % 4000) << 20};
    view.cores = {4};
    view.cores_used = {static_cast<double>(i % 5)};
    view.busy = i % 3 == 0;
    on[i].presence = i % 2 == 0 ? Presence::kHosted : Presence::kAbsent;
  }
  PlacementNeed need;
  need.memory = 20_MiB;
  need.cores = {0.1};
  need.most_superpods = count;
  need.on = on;
  const PlacementRules rules;
  for (auto _ : state) {
    need.memory.value ^= 1;
    benchmark::DoNotOptimize(place(rules, superpods, need, {}, TimePoint{}));
  }
}
BENCHMARK(placeARequest)->Arg(1)->Arg(16)->Arg(256);

void decideOnReplicas(benchmark::State& state) {
  Autoscaler scaler({}, 1, TimePoint{});
  TimePoint now{};
  for (auto _ : state) {
    now += std::chrono::seconds(1);
    scaler.record(now, 300);
    benchmark::DoNotOptimize(scaler.decide(5, now));
  }
}
BENCHMARK(decideOnReplicas);

}  // namespace
}  // namespace wasabi::policy
