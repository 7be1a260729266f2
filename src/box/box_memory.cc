// What the box does when memory gets short: takes less risk, lets go of what is idle, and evicts where waiting would
// not end. On the control loop; see box.h.
#include <algorithm>
#include <utility>

#include "box/box.h"
#include "box/box_ask.h"
#include "box/process_figures.h"

namespace wasabi::box {
namespace {

// How often warm memory is held to its bound, the ledger is told what the process holds besides instances, and the risk
// is looked at.
constexpr Duration kWatchPeriod = std::chrono::seconds(1);
// And how often from half of the capacity on: what comes meanwhile, such as slots that stay warm, finds less room.
constexpr Duration kCloseWatchPeriod = std::chrono::milliseconds(50);
// Growth may wait so long before somebody is asked to make room.
constexpr Duration kPatience = std::chrono::milliseconds(20);
// What a loaded program and an invocation cost beside the memory of the instance, by measurement (SPECIFICATION.md).
constexpr std::uint64_t kBytesPerProgram = 48 << 10;
constexpr std::uint64_t kBytesPerInvocation = 32 << 10;
// The process itself: what lies beside the capacity in any case (policy/memory_reserve.h). Only what is held beyond it
// reduces the room.
constexpr ByteSize kOfTheProcess{16ull << 20};

ByteSize lessOrNothing(ByteSize size, ByteSize by) {
  return size > by ? size - by : ByteSize{};
}

#if defined(WASABI_SANITIZED)
// A sanitizer's own memory would be taken for the box's.
constexpr bool kAnonymousIsOurs = false;
#else
constexpr bool kAnonymousIsOurs = true;
#endif

}  // namespace

// What we can count, or what the kernel counts if that is more: memory that was given back to malloc but not by it.
MemoryFigures Box::memoryFigures() const {
  // Whichever is more is surely not taken for something else below: instances come and go meanwhile.
  const ByteSize instances_before = ledger_.instances();
  const ProcessMemory process = memoryOfProcess();

  MemoryFigures figures;
  figures.instances = std::max(instances_before, ledger_.instances());
  figures.anonymous = process.anonymous;
  for (const auto& worker : workers_) figures.buffers = figures.buffers + worker->buffered();
  figures.page_tables = process.page_tables;
  const engine::PoolMetrics pool = engine_->poolMetrics();
  const ByteSize counted{pool.warm_resident.value + pool.live_stacks * kBytesPerInvocation +
                         programs_->figures().loaded * kBytesPerProgram + figures.buffers.value};
  if (kAnonymousIsOurs) figures.uncounted = lessOrNothing(process.anonymous, figures.instances + counted);
  figures.other = counted + figures.uncounted + figures.page_tables;
  figures.growth_waits = ledger_.waiting();
  figures.risk_level = governor_.level();
  return figures;
}

// The pool keeps to its number of warm slots only when it chooses one: after a burst all that ran at once stay warm.
// Dropping a program gives the memory of its slots back.
void Box::boundWarmMemory() {
  while (engine_->poolMetrics().warm_memory > config_.programs.warm_memory && programs_->evictLeastRecent()) {
  }
}

void Box::watchMemory() {
  boundWarmMemory();
  const ByteSize other = lessOrNothing(memoryFigures().other, kOfTheProcess);
  ledger_.setOther(other);
  desk_.setUnbooked(other);
  desk_.setMode(
      governor_.observe({ledger_.held(), ledger_.capacity(), ledger_.waiting(), evictions_asked_}, Clock::now()),
      Clock::now());
  const bool close = ledger_.held().value >= ledger_.capacity().value / 2;
  memory_timer_.arm(control_.now() + (close ? kCloseWatchPeriod : kWatchPeriod), [this] { watchMemory(); });
}

// On any thread.
void Box::growthWaits() {
  control_.post([this] {
    if (relief_timer_.armed()) return;
    watchMemory();
    relief_timer_.arm(control_.now() + kPatience, [this] { relieveMemory(); });
  });
}

void Box::relieveMemory() {
  watchMemory();
  if (ledger_.waiting() == 0) return;
  for (auto& worker : workers_) worker->dropAllShelved();
  // Where it makes room: what the process holds anyhow takes none.
  if (ledger_.other().value > 0 && engine_->poolMetrics().warm_memory.value > 0) programs_->evictLeastRecent();
  relief_timer_.arm(control_.now() + kPatience, [this] { relieveMemory(); });
  if (std::exchange(candidates_asked_, true)) return;  // a worker is busy, and has not answered yet
  const std::uint64_t grants = ledger_.grants();
  askWorkers<std::vector<policy::EvictionCandidate>>(
      [](Worker& worker, UniqueFunction<void(std::vector<policy::EvictionCandidate>)> answer) {
        worker.listEvictionCandidates(std::move(answer));
      },
      [this, grants](std::vector<std::vector<policy::EvictionCandidate>> candidates) {
        candidates_asked_ = false;
        chooseVictim(grants, std::move(candidates));
      });
}

void Box::chooseVictim(std::uint64_t grants_before, std::vector<std::vector<policy::EvictionCandidate>> candidates) {
  // Somebody got memory since: what the workers said does not belong together.
  if (ledger_.grants() != grants_before || ledger_.waiting() == 0) return;
  struct Place {
    std::size_t worker;
    std::uint64_t token;
  };
  std::vector<Place> places;
  std::vector<policy::EvictionCandidate> all;
  for (std::size_t worker = 0; worker < candidates.size(); ++worker) {
    for (policy::EvictionCandidate& candidate : candidates[worker]) {
      places.push_back({worker, candidate.token});
      candidate.token = places.size() - 1;
      candidate.weight = desk_.weightOf(candidate.tenant);
      all.push_back(candidate);
    }
  }
  const policy::Eviction choice = policy::chooseVictim(all);
  if (choice.outcome != policy::Eviction::Outcome::kEvict) return;
  // Before it comes back to the desk: by the risk that led here it would be admitted at once, and meet the same.
  ++evictions_asked_;
  watchMemory();
  const Place& victim = places[choice.token];
  workers_[victim.worker]->evict(victim.token, choice.requeue);
}

}  // namespace wasabi::box
