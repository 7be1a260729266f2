// ?ms=N: sleeps (poll_oneoff underneath), then answers.
#include <stdio.h>

#include "params.h"

int main(void) {
  const long ms = param_number("ms", 100);
  pause_ms(ms);
  printf("slept %ld\n", ms);
  return 0;
}
