// ?rounds=N: computes a fixed amount, however long that takes; a thousand rounds are some 10 ms.
#include <stdint.h>
#include <stdio.h>

#include "params.h"

int main(void) {
  volatile uint32_t state = 1;
  for (long round = param_number("rounds", 1); round > 0; --round) {
    for (int i = 0; i < 10000; ++i) state = state * 1664525u + 1013904223u;
  }
  printf("%u\n", (unsigned)state);
  return 0;
}
