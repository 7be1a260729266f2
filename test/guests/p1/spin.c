// ?ms=N: computes for that long by the wall clock; for ever without it.
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "params.h"

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(void) {
  const long ms = param_number("ms", -1);
  const int64_t start = now_ms();
  volatile uint32_t state = 1;
  while (ms < 0 || now_ms() - start < ms) {
    for (int i = 0; i < 10000; ++i) state = state * 1664525u + 1013904223u;
  }
  printf("%u\n", (unsigned)state);
  return 0;
}
