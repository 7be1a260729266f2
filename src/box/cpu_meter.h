// CPU time of slices, charged to those who ran. One per worker, used on its thread only.
//
// Reading the thread's CPU clock is a system call, dear beside a request of ten microseconds. A short slice is charged
// its elapsed time instead, which differs only if the kernel took the core away; and then the slice is not short.
#pragma once

#include "base/units.h"

namespace wasabi::box {

class CpuMeter {
 public:
  void sliceBegins();
  // The CPU time of the slice, host work within it included.
  Duration sliceEnds();

 private:
  TimePoint began_;
  Duration last_reading_{};  // of the thread's CPU clock, not later than the slice's beginning
};

}  // namespace wasabi::box
