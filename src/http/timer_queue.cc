#include "http/timer_queue.h"

#include "base/check.h"

namespace wasabi::http {

void TimerQueue::set(TimerEntry& entry, TimePoint deadline) {
  const bool queued = entry.place != TimerEntry::kNotQueued;
  const bool later = queued && deadline > entry.deadline;
  entry.deadline = deadline;
  if (!queued) {
    heap_.push_back(&entry);
    siftUp(heap_.size() - 1, &entry);
  } else if (later) {
    siftDown(entry.place, &entry);
  } else {
    siftUp(entry.place, &entry);
  }
}

void TimerQueue::remove(TimerEntry& entry) {
  if (entry.place == TimerEntry::kNotQueued) return;
  const std::size_t place = entry.place;
  entry.place = TimerEntry::kNotQueued;
  TimerEntry* last = heap_.back();
  heap_.pop_back();
  if (last == &entry) return;
  if (last->deadline > entry.deadline) {
    siftDown(place, last);
  } else {
    siftUp(place, last);
  }
}

TimePoint TimerQueue::earliest() const {
  WASABI_CHECK(!heap_.empty());
  return heap_.front()->deadline;
}

TimerEntry& TimerQueue::pop() {
  WASABI_CHECK(!heap_.empty());
  TimerEntry& first = *heap_.front();
  remove(first);
  return first;
}

void TimerQueue::put(std::size_t place, TimerEntry* entry) {
  heap_[place] = entry;
  entry->place = place;
}

void TimerQueue::siftUp(std::size_t place, TimerEntry* entry) {
  while (place > 0) {
    const std::size_t parent = (place - 1) / 2;
    if (heap_[parent]->deadline <= entry->deadline) break;
    put(place, heap_[parent]);
    place = parent;
  }
  put(place, entry);
}

void TimerQueue::siftDown(std::size_t place, TimerEntry* entry) {
  for (;;) {
    std::size_t child = 2 * place + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1]->deadline < heap_[child]->deadline) ++child;
    if (entry->deadline <= heap_[child]->deadline) break;
    put(place, heap_[child]);
    place = child;
  }
  put(place, entry);
}

}  // namespace wasabi::http
