// ?rounds=N&ms=N&bytes=N&mib=N&log=1: in every round it computes for so long, writes so many bytes ("round N " and a
// letter of the round's, up to the line end), grows by so much, and says the round in its log.
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "params.h"

static char line[64 * 1024];

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void compute(long ms) {
  const int64_t start = now_ms();
  volatile uint32_t state = 1;
  while (now_ms() - start < ms) {
    for (int i = 0; i < 10000; ++i) state = state * 1664525u + 1013904223u;
  }
}

static int write_all(size_t size) {
  for (size_t written = 0; written < size;) {
    const ssize_t part = write(STDOUT_FILENO, line + written, size - written);
    if (part < 0) return 0;
    written += (size_t)part;
  }
  return 1;
}

static int grow(long mib) {
  for (; mib > 0; --mib) {
    const size_t page = __builtin_wasm_memory_grow(0, 16);
    if (page == SIZE_MAX) return 0;
    volatile char* bytes = (volatile char*)(page * 65536);
    for (size_t at = 0; at < 1024 * 1024; at += 4096) bytes[at] = 1;
  }
  return 1;
}

int main(void) {
  const long rounds = param_number("rounds", 1);
  const long ms = param_number("ms", 1);
  const size_t size = (size_t)param_number("bytes", 100);
  const long mib = param_number("mib", 0);
  const long log = param_number("log", 0);
  if (size > sizeof line) return 2;
  for (long round = 0; round < rounds; ++round) {
    compute(ms);
    if (log) fprintf(stderr, "round %ld\n", round);
    if (!grow(mib)) return 3;
    if (size == 0) continue;
    memset(line, 'a' + (int)(round % 26), size);
    const int head = snprintf(line, size, "round %ld ", round);
    line[head] = 'a' + (char)(round % 26);
    line[size - 1] = '\n';
    if (!write_all(size)) return 4;
  }
  return 0;
}
