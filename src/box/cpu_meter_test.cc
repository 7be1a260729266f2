#include "box/cpu_meter.h"

#include <gtest/gtest.h>

#include <thread>

namespace wasabi::box {
namespace {

using namespace std::chrono_literals;

void burn(Duration wall) {
  const TimePoint end = Clock::now() + wall;
  while (Clock::now() < end) {
  }
}

// Meters are made on one thread and used on another, whose CPU clock is a different one.
TEST(CpuMeterTest, ASliceIsNeverChargedLessThanNothing) {
  burn(20ms);
  CpuMeter meter;
  Duration charged{-1};
  std::thread([&] {
    meter.sliceBegins();
    std::this_thread::sleep_for(5ms);
    charged = meter.sliceEnds();
  }).join();
  EXPECT_GE(charged, 0ms);
}

TEST(CpuMeterTest, TimeInWhichTheThreadDidNotRunIsNotCharged) {
  CpuMeter meter;
  Duration charged{};
  std::thread([&] {
    meter.sliceBegins();
    std::this_thread::sleep_for(200ms);
    charged = meter.sliceEnds();
  }).join();
  EXPECT_LT(charged, 100ms);
}

TEST(CpuMeterTest, ShortSlicesAreChargedToo) {
  CpuMeter meter;
  meter.sliceBegins();
  burn(50us);
  EXPECT_GE(meter.sliceEnds(), 50us);
}

}  // namespace
}  // namespace wasabi::box
