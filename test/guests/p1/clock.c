// Wall clock in seconds, resolution of the monotonic clock in nanoseconds, and whether that clock advances.
#include <stdint.h>
#include <stdio.h>
#include <time.h>

static int64_t read_ns(clockid_t clock) {
  struct timespec now;
  if (clock_gettime(clock, &now) != 0) return -1;
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int main(void) {
  struct timespec resolution;
  clock_getres(CLOCK_MONOTONIC, &resolution);
  const int64_t first = read_ns(CLOCK_MONOTONIC);
  const struct timespec pause = {0, 5000000};
  nanosleep(&pause, NULL);
  const int64_t second = read_ns(CLOCK_MONOTONIC);
  printf("realtime=%lld\n", (long long)(read_ns(CLOCK_REALTIME) / 1000000000));
  printf("resolution=%lld\n", (long long)resolution.tv_nsec);
  printf("advances=%d\n", second - first >= 5000000);
  return 0;
}
