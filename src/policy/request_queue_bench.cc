// What the request queue costs, by how many wait in it. By hand: build the target policy_bench.
#include <benchmark/benchmark.h>

#include "policy/request_queue.h"

namespace wasabi::policy {
namespace {

constexpr std::uint32_t kTenants = 20;
constexpr std::uint32_t kFunctions = 1000;

Waiter waiterOf(Ticket ticket, TimePoint now) {
  Waiter waiter;
  waiter.ticket = ticket;
  waiter.function = {static_cast<std::uint32_t>(ticket * 7919 % kFunctions)};
  waiter.tenant = {waiter.function.value % kTenants};
  waiter.memory = ByteSize{1 << 20};
  waiter.cost = static_cast<double>(1 + ticket % 7);
  waiter.arrival = now;
  waiter.deadline = now + std::chrono::hours(1) + std::chrono::seconds(ticket % 30);  // none is refused for it
  return waiter;
}

struct Filled {
  explicit Filled(std::int64_t waiters) : queue({.total = 20'000, .tenant = 20'000, .function = 20'000}) {
    while (static_cast<std::int64_t>(queue.size()) < waiters) offer();
  }
  Ticket offer() {
    now += std::chrono::microseconds(10);
    benchmark::DoNotOptimize(queue.offer(waiterOf(++last, now), now));
    return last;
  }
  RequestQueue queue;
  TimePoint now{std::chrono::seconds(1000)};
  Ticket last = 0;
};

void offerAndNext(benchmark::State& state) {
  Filled filled(state.range(0));
  const Judge fits = [](const Waiter&) { return Judgement{Verdict::kRun}; };
  for (auto _ : state) {
    filled.offer();
    benchmark::DoNotOptimize(filled.queue.next(filled.now, fits));
  }
}
BENCHMARK(offerAndNext)->Arg(0)->Arg(100)->Arg(10'000);

void offerAndRemove(benchmark::State& state) {
  Filled filled(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(filled.queue.remove(filled.offer(), filled.now));
}
BENCHMARK(offerAndRemove)->Arg(0)->Arg(100)->Arg(10'000);

// Memory is short: nobody fits, and the blocked head may still be overtaken.
void nextWithoutRoom(benchmark::State& state) {
  Filled filled(state.range(0));
  const Judge short_of_memory = [](const Waiter&) { return Judgement{Verdict::kNoMemory}; };
  for (auto _ : state) benchmark::DoNotOptimize(filled.queue.next(filled.now, short_of_memory));
}
BENCHMARK(nextWithoutRoom)->Arg(100)->Arg(10'000);

// All functions but one are held by limits of their own.
void nextAmongHeld(benchmark::State& state) {
  Filled filled(state.range(0));
  const Judge held = [](const Waiter& waiter) {
    return Judgement{waiter.function.value == 1 ? Verdict::kRun : Verdict::kFunctionBusy};
  };
  while (filled.queue.next(filled.now, held)) {
  }
  for (auto _ : state) {
    Waiter waiter = waiterOf(++filled.last, filled.now);
    waiter.function = {1};
    waiter.tenant = {1};
    benchmark::DoNotOptimize(filled.queue.offer(waiter, filled.now));
    benchmark::DoNotOptimize(filled.queue.next(filled.now, held));
  }
}
BENCHMARK(nextAmongHeld)->Arg(10'000);

void explain(benchmark::State& state) {
  Filled filled(state.range(0));
  const Waiter request = waiterOf(0, filled.now);
  for (auto _ : state) benchmark::DoNotOptimize(filled.queue.explain(request, filled.now));
}
BENCHMARK(explain)->Arg(100)->Arg(1'000)->Arg(10'000);

void copy(benchmark::State& state) {
  Filled filled(state.range(0));
  for (auto _ : state) {
    RequestQueue copied = filled.queue;
    benchmark::DoNotOptimize(copied);
  }
}
BENCHMARK(copy)->Arg(1'000)->Arg(10'000);

}  // namespace
}  // namespace wasabi::policy
