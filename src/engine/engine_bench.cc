// What the engine itself costs, without any HTTP: run it pinned, on an idle machine.
#include <benchmark/benchmark.h>

#include <fstream>

#include "engine/engine_test_support.h"

namespace wasabi::engine {
namespace {

using namespace std::chrono_literals;
using namespace wasabi::literals;

std::unique_ptr<Engine> makeEngine() {
  auto engine = Engine::create(EngineConfig::defaults());
  WASABI_CHECK(engine.has_value());
  return *std::move(engine);
}

std::uint64_t residentBytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  file >> size >> resident;
  return resident * 4096;
}

// Discards output: a host as cheap as it gets.
class Sink : public test::RecordingHost {
 public:
  void output(Output, std::span<const std::byte> data) override { written += data.size(); }
  void responseHead(std::uint16_t status_code, std::span<const FieldView>) override { status = status_code; }

  std::size_t written = 0;
};

InvocationStart request() {
  static constexpr FieldView kHeaders[] = {{"user-agent", "bench"}, {"accept", "*/*"}};
  static constexpr FieldView kEnvironment[] = {
      {"REQUEST_METHOD", "GET"}, {"PATH_INFO", "/"}, {"QUERY_STRING", ""}, {"SERVER_PROTOCOL", "HTTP/1.1"}};
  InvocationStart start;
  start.memory_limit = 64_MiB;
  start.environment = kEnvironment;
  start.request = {.method = "GET", .tls = false, .authority = "bench.test", .path = "/", .headers = kHeaders};
  return start;
}

void runOnce(const Engine& engine, const Program& program, Sink& host, test::Wakes& wakes) {
  auto invocation = Invocation::start(engine, program, host, wakes, request());
  WASABI_CHECK(invocation.has_value());
  while (invocation->poll(10ms) != PollOutcome::kDone) continue;
  WASABI_CHECK(invocation->end().kind == EndKind::kReturned);
}

void startPollDrop(benchmark::State& state, const char* guest) {
  const auto engine = makeEngine();
  const auto program = test::loadGuest(*engine, guest);
  test::Wakes wakes;
  Sink host;
  for ([[maybe_unused]] auto _ : state) runOnce(*engine, *program, host, wakes);
}
BENCHMARK_CAPTURE(startPollDrop, p1_noop, "noop");
BENCHMARK_CAPTURE(startPollDrop, p1_noop_small, "noop_small");
BENCHMARK_CAPTURE(startPollDrop, p1_hello, "hello");
BENCHMARK_CAPTURE(startPollDrop, http_noop, "http_noop");

// The same while another thread does nothing else either: what sharing an engine costs.
void startPollDropBeside(benchmark::State& state, const char* guest) {
  const auto engine = makeEngine();
  const auto program = test::loadGuest(*engine, guest);
  const std::jthread other([&](const std::stop_token& stop) {
    test::Wakes wakes;
    Sink host;
    while (!stop.stop_requested()) runOnce(*engine, *program, host, wakes);
  });
  test::Wakes wakes;
  Sink host;
  for ([[maybe_unused]] auto _ : state) runOnce(*engine, *program, host, wakes);
}
BENCHMARK_CAPTURE(startPollDropBeside, p1_noop, "noop");
BENCHMARK_CAPTURE(startPollDropBeside, http_noop, "http_noop");

void reuseInstance(benchmark::State& state) {
  const auto engine = makeEngine();
  const auto program = test::loadGuest(*engine, "http_noop");
  test::Wakes wakes;
  Sink host;
  Instance instance;
  for ([[maybe_unused]] auto _ : state) {
    InvocationStart start = request();
    start.instance = std::move(instance);
    auto invocation = Invocation::start(*engine, *program, host, wakes, std::move(start));
    WASABI_CHECK(invocation.has_value());
    WASABI_CHECK(invocation->poll(1ms) == PollOutcome::kDone);
    instance = invocation->takeInstance();
  }
}
BENCHMARK(reuseInstance);

// Starts many invocations that stop at their first wait, and ends them all.
void park(benchmark::State& state, const char* guest, ByteSize granted) {
  static constexpr FieldView kLong[] = {{"QUERY_STRING", "ms=600000&mib=1"}};
  const auto engine = makeEngine();
  const auto program = test::loadGuest(*engine, guest);
  test::Wakes wakes;
  Sink host;
  host.grant_up_to = granted;
  host.beyond = Growth::kWait;
  for ([[maybe_unused]] auto _ : state) {
    const std::uint64_t before = residentBytes();
    std::vector<Invocation> parked;
    const auto count = static_cast<std::size_t>(state.range(0));
    parked.reserve(count);
    while (parked.size() < count) {
      InvocationStart start = request();
      start.environment = kLong;
      auto invocation = Invocation::start(*engine, *program, host, wakes, std::move(start));
      WASABI_CHECK(invocation.has_value());
      WASABI_CHECK(invocation->poll(10ms) == PollOutcome::kWaiting);
      parked.push_back(*std::move(invocation));
    }
    state.counters["resident_bytes_each"] =
        static_cast<double>(residentBytes() - before) / static_cast<double>(state.range(0));
    parked.clear();
    state.counters["warm_bytes"] = static_cast<double>(engine->poolMetrics().warm_resident.value);
    state.counters["resident_bytes_after"] = static_cast<double>(residentBytes() - before);
  }
}
BENCHMARK_CAPTURE(park, in_growth, "grow", 1_MiB)->Arg(10'000)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(park, asleep, "sleep", 1_GiB)->Arg(10'000)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace wasabi::engine

BENCHMARK_MAIN();
