// What decisions on the path of every request cost: run it pinned, on an idle machine.
#include <benchmark/benchmark.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/demand_histories.h"
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

// What a box does with the histories of 10,000 functions now and then.
std::vector<FunctionHistory> manyHistories() {
  std::vector<FunctionHistory> histories;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    FunctionHistory one{{"t", "f" + std::to_string(i)}, std::string(64, 'a'), DemandHistory(TimePoint{})};
    for (std::uint64_t k = 0; k < 200; ++k) {
      one.history.record({((i + k * 31) % 800 + 16) << 16}, DemandHistory::Seen::kWhole, TimePoint{});
    }
    histories.push_back(std::move(one));
  }
  return histories;
}

void copyHistories(benchmark::State& state) {
  std::vector<std::unique_ptr<DemandHistory>> histories;
  for (const FunctionHistory& one : manyHistories()) {
    histories.push_back(std::make_unique<DemandHistory>(one.history));
  }
  for ([[maybe_unused]] auto _ : state) {
    std::vector<std::optional<DemandHistory>> copies(histories.size());
    for (std::size_t i = 0; i < copies.size(); ++i) copies[i] = *histories[i];
    benchmark::DoNotOptimize(copies);
  }
}
BENCHMARK(copyHistories)->Unit(benchmark::kMillisecond);

void writeManyHistories(benchmark::State& state) {
  const auto histories = manyHistories();
  std::size_t size = 0;
  for ([[maybe_unused]] auto _ : state) size = writeHistories(histories).size();
  state.counters["bytes"] = static_cast<double>(size);
}
BENCHMARK(writeManyHistories)->Unit(benchmark::kMillisecond);

void readManyHistories(benchmark::State& state) {
  const std::string text = writeHistories(manyHistories());
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(readHistories(text, TimePoint{}));
}
BENCHMARK(readManyHistories)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace wasabi::policy
