// CPU time of other processes.
#pragma once

#include <vector>

#include "base/units.h"

namespace wasabi::bench {

// User and system time of all threads of the processes so far, ended threads included, with the scheduler's
// precision: the kernel's per-process CPU clocks (/proc/<pid>/stat knows ended threads too, but counts in ticks of
// 10 ms; /proc/<pid>/task/*/schedstat is fine-grained, but forgets threads that end). Child processes are not in it.
Result<Duration> cpuTimeOf(const std::vector<int>& pids);

// The same of this process.
Duration ownCpuTime();

}  // namespace wasabi::bench
