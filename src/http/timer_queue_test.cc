#include "http/timer_queue.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <random>
#include <vector>

namespace wasabi::http {
namespace {

TimePoint at(int milliseconds) {
  return TimePoint(std::chrono::milliseconds(milliseconds));
}

TEST(TimerQueueTest, KeepsTheEarliestFirstWhateverIsMovedAndRemoved) {
  std::mt19937 random(7);
  std::vector<TimerEntry> entries(200);
  std::map<std::size_t, int> expected;  // entry -> deadline
  TimerQueue queue;
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t i = random() % entries.size();
    if (random() % 3 == 0) {
      queue.remove(entries[i]);
      expected.erase(i);
    } else {
      const int deadline = static_cast<int>(random() % 1'000);
      queue.set(entries[i], at(deadline));
      expected[i] = deadline;
    }
    ASSERT_EQ(queue.size(), expected.size());
    if (expected.empty()) continue;
    int earliest = 1'000;
    for (const auto& [entry, deadline] : expected) earliest = std::min(earliest, deadline);
    ASSERT_EQ(queue.earliest(), at(earliest));
  }
  TimePoint before = at(-1);
  while (!queue.empty()) {
    const TimerEntry& entry = queue.pop();
    EXPECT_GE(entry.deadline, before);
    EXPECT_EQ(entry.place, TimerEntry::kNotQueued);
    before = entry.deadline;
  }
}

}  // namespace
}  // namespace wasabi::http
