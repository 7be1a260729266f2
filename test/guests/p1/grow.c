// ?mib=N&step_ms=N&hold_ms=N: grows by N MiB one by one, touches every page, holds it, tells how far it came.
#include <stdint.h>
#include <stdio.h>

#include "params.h"

int main(void) {
  const long mib = param_number("mib", 1);
  const long step_ms = param_number("step_ms", 0);
  long grown = 0;
  for (; grown < mib; ++grown) {
    const size_t page = __builtin_wasm_memory_grow(0, 16);
    if (page == SIZE_MAX) break;
    volatile char* bytes = (volatile char*)(page * 65536);
    for (size_t at = 0; at < 1024 * 1024; at += 4096) bytes[at] = 1;
    pause_ms(step_ms);
  }
  pause_ms(param_number("hold_ms", 0));
  printf("grown=%ld\n", grown);
  return 0;
}
