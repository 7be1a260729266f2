#include "box/ticker.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

namespace wasabi::box {
namespace {

// Waking a sleeping ticker costs a system call and a thread switch, a beat costs less: so it beats on through the
// gaps between requests, and sleeps once nothing came for this many periods.
constexpr int kIdleBeats = 20;

// As the kernel's headers have it, which do not go together with the C library's.
struct SchedulingAttributes {
  std::uint32_t size = sizeof(SchedulingAttributes);
  std::uint32_t policy = SCHED_OTHER;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime_ns = 0;
  std::uint64_t deadline_ns = 0;
  std::uint64_t period_ns = 0;
};

// A beat takes a few microseconds. Where workers fill all cores, Linux 6.12 and later let who asks for short turns on
// the core at once; others wait for up to 4 ms until a worker's turn is over. Older kernels ignore it.
void askForShortTurns() {
  SchedulingAttributes attributes;
  attributes.nice = ::getpriority(PRIO_PROCESS, 0);
  attributes.runtime_ns = 100'000;  // the least there is
  ::syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace

Ticker::Ticker(std::size_t workers, Duration period, UniqueFunction<void()> tick)
    : slots_(std::make_unique<Slot[]>(workers)), slot_count_(workers), tick_(std::move(tick)), thread_([this, period] {
        ::pthread_setname_np(::pthread_self(), "ticker");
        askForShortTurns();
        set_up_.count_down();
        run(period);
      }) {
  set_up_.wait();
}

Ticker::~Ticker() {
  stopping_ = true;
  asleep_ = false;
  asleep_.notify_all();
  thread_.join();
}

void Ticker::sliceBegins(std::size_t worker) {
  Slot& slot = slots_[worker];
  slot.in_slice.store(true, std::memory_order_relaxed);
  // The ticker announces its sleep and then looks at the slots once more; this store and load are in the opposite
  // order, so that at least one of the two sees the other (both sequentially consistent).
  slot.ran.store(true);
  if (asleep_.load()) {
    asleep_ = false;
    asleep_.notify_one();
  }
}

void Ticker::sliceEnds(std::size_t worker) {
  slots_[worker].in_slice.store(false, std::memory_order_relaxed);
}

bool Ticker::anyRan() {
  bool any = false;
  for (std::size_t i = 0; i < slot_count_; ++i) any |= slots_[i].ran.exchange(false);
  return any;
}

bool Ticker::anyInSlice() const {
  for (std::size_t i = 0; i < slot_count_; ++i) {
    if (slots_[i].in_slice.load(std::memory_order_relaxed)) return true;
  }
  return false;
}

void Ticker::run(Duration period) {
  int idle_beats = 0;
  while (!stopping_) {
    if (idle_beats >= kIdleBeats) {
      asleep_ = true;
      if (!anyRan() && !stopping_) asleep_.wait(true);
      asleep_ = false;
      idle_beats = 0;
    }
    std::this_thread::sleep_for(period);
    tick_();
    idle_beats = anyRan() || anyInSlice() ? 0 : idle_beats + 1;
  }
}

}  // namespace wasabi::box
