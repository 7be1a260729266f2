#include "box/ticker.h"

#include <pthread.h>

#include <utility>

namespace wasabi::box {
namespace {

// Waking a sleeping ticker costs a system call and a thread switch, a beat costs less: so it beats on through the
// gaps between requests, and sleeps once nothing came for this many periods.
constexpr int kIdleBeats = 20;

}  // namespace

Ticker::Ticker(std::size_t workers, Duration period, UniqueFunction<void()> tick)
    : slots_(std::make_unique<Slot[]>(workers)), slot_count_(workers), tick_(std::move(tick)), thread_([this, period] {
        ::pthread_setname_np(::pthread_self(), "ticker");
        run(period);
      }) {}

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
