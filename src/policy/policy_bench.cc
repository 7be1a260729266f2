// What decisions on the path of every request cost: run it pinned, on an idle machine.
#include <benchmark/benchmark.h>

#include "policy/memory_book.h"

namespace wasabi::policy {
namespace {

using namespace wasabi::literals;

// `state.range(0)` functions known, a quarter of them with three invocations admitted.
MemoryBook busyBook(std::uint32_t functions, BookingMode mode) {
  MemoryBook book(65536_GiB, mode);
  for (std::uint32_t i = 0; i < functions; ++i) {
    book.setLimit({i}, 200_MiB);
    const ByteSize mean{(4 + i % 40) << 20};
    book.setEstimate({i}, DemandEstimate{mean, {mean.value / 4}, {2 * mean.value}, 1000});
    if (i % 4 != 0) continue;
    for (int k = 0; k < 3; ++k) book.book({i});
  }
  return book;
}

void bookAndRelease(benchmark::State& state, BookingMode mode) {
  const auto functions = static_cast<std::uint32_t>(state.range(0));
  auto book = busyBook(functions, mode);
  std::uint32_t next = 0;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(book.book({next}));
    book.release({next});
    next = (next + 7919) % functions;
  }
}
BENCHMARK_CAPTURE(bookAndRelease, declared, BookingMode::declared())->Arg(400)->Arg(10'000);
BENCHMARK_CAPTURE(bookAndRelease, risk, BookingMode::riskOf(1e-3))->Arg(400)->Arg(10'000);

// The function whose range is the greatest: each time the whole tournament is played again.
void bookAndReleaseOfTheGreatest(benchmark::State& state) {
  const auto functions = static_cast<std::uint32_t>(state.range(0));
  auto book = busyBook(functions, BookingMode::riskOf(1e-3));
  const FunctionId greatest{functions - 1};
  book.setEstimate(greatest, DemandEstimate{1_MiB, 1_MiB, 200_MiB, 1000});
  for (int k = 0; k < 10; ++k) book.book(greatest);
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(book.book(greatest));
    book.release(greatest);
  }
}
BENCHMARK(bookAndReleaseOfTheGreatest)->Arg(400)->Arg(10'000);

void offer(benchmark::State& state) {
  const auto book = busyBook(400, BookingMode::riskOf(1e-3));
  std::uint32_t next = 0;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(book.offer({next}));
    next = (next + 191) % 400;
  }
}
BENCHMARK(offer);

void recordAPeak(benchmark::State& state) {
  DemandHistory history(TimePoint{});
  TimePoint now{};
  std::uint64_t pages = 0;
  for ([[maybe_unused]] auto _ : state) {
    now += std::chrono::microseconds(12);
    pages = (pages * 31 + 7) % 3200;
    benchmark::DoNotOptimize(history.record({pages << 16}, DemandHistory::Seen::kWhole, now));
  }
}
BENCHMARK(recordAPeak);

void estimate(benchmark::State& state) {
  DemandHistory history(TimePoint{});
  for (std::uint64_t i = 0; i < 1000; ++i) history.record({(i % 400) << 16}, DemandHistory::Seen::kWhole, TimePoint{});
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(history.estimate(200_MiB));
}
BENCHMARK(estimate);

}  // namespace
}  // namespace wasabi::policy
