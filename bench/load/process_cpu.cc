#include "load/process_cpu.h"

#include <ctime>
#include <string>

namespace wasabi::bench {
namespace {

Duration toDuration(const timespec& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

Result<Duration> cpuTimeOf(const std::vector<int>& pids) {
  Duration total{};
  for (const int pid : pids) {
    clockid_t clock{};
    timespec time{};
    if (const int error = clock_getcpuclockid(pid, &clock); error != 0) {
      return fail(Error::fromErrno("CPU clock of process " + std::to_string(pid), error));
    }
    if (clock_gettime(clock, &time) != 0) {
      return fail(Error::fromErrno("CPU time of process " + std::to_string(pid), errno));
    }
    total += toDuration(time);
  }
  return total;
}

Duration ownCpuTime() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return toDuration(time);
}

}  // namespace wasabi::bench
