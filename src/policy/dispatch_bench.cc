// What sending a request to a target costs, by the number of targets and with and without a limit of its tenant's
// memory. By hand: build the target policy_bench.
#include <benchmark/benchmark.h>

#include <optional>

#include "policy/dispatch.h"

namespace wasabi::policy {
namespace {

using namespace wasabi::literals;

constexpr std::uint32_t kTenants = 20;
constexpr std::uint32_t kFunctions = 1000;

// Each function of one version, which all targets serve.
struct Machine {
  Machine(std::uint32_t targets, std::optional<ByteSize> limit) {
    for (std::uint32_t i = 0; i < kTenants; ++i) {
      Dispatch::TenantTerms terms;
      terms.memory = limit;
      dispatch.setTenant({i}, terms);
    }
    for (std::uint32_t i = 0; i < targets; ++i) dispatch.addTarget({i}, {});
    for (std::uint32_t i = 0; i < kFunctions; ++i) {
      dispatch.setFunction({i}, {{i % kTenants}, 1000});
      dispatch.setVersion({i}, {{i}, 64_MiB});
      for (std::uint32_t k = 0; k < targets; ++k) dispatch.serves({k}, {i});
    }
  }
  Dispatch::Answer arrive() {
    now += std::chrono::microseconds(10);
    return dispatch.arrive({++ticket, {static_cast<std::uint32_t>(ticket * 7919 % kFunctions)}, now, now + deadline},
                           now);
  }
  Dispatch dispatch{QueueBounds{}};
  TimePoint now{std::chrono::seconds(1000)};
  const Duration deadline = std::chrono::hours(1);
  Ticket ticket = 0;
};

void arriveAndEnd(benchmark::State& state, std::optional<ByteSize> limit) {
  Machine machine(static_cast<std::uint32_t>(state.range(0)), limit);
  for ([[maybe_unused]] auto _ : state) machine.dispatch.ended(machine.arrive().run);
}
BENCHMARK_CAPTURE(arriveAndEnd, unlimited, std::nullopt)->Arg(1)->Arg(8);
BENCHMARK_CAPTURE(arriveAndEnd, limited, 1_GiB)->Arg(1)->Arg(8);

// One tenant has so many waiting for its memory; others come and go.
void besideATenantAtItsLimit(benchmark::State& state) {
  Machine machine(1, std::nullopt);
  Dispatch::TenantTerms full;
  full.memory = 64_MiB;
  machine.dispatch.setTenant({0}, full);
  for (Ticket waiting = 0; waiting < static_cast<Ticket>(state.range(0)); ++waiting) {
    const VersionId version{static_cast<std::uint32_t>(waiting % (kFunctions / kTenants)) * kTenants};
    machine.dispatch.arrive({(Ticket{1} << 40) + waiting, version, machine.now, machine.now + machine.deadline},
                            machine.now);
  }
  while (machine.dispatch.next(machine.now)) continue;
  for ([[maybe_unused]] auto _ : state) {
    if ((machine.ticket + 1) * 7919 % kTenants == 0) ++machine.ticket;
    machine.arrive();
    machine.dispatch.ended(machine.dispatch.next(machine.now)->run);
  }
}
BENCHMARK(besideATenantAtItsLimit)->Arg(10)->Arg(2'000);

}  // namespace
}  // namespace wasabi::policy
