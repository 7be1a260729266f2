// Writes a pattern over all of its memory that is not its own code's data: unused stack, heap, and ?mib=N grown.
#include <stdint.h>
#include <stdio.h>

#include "params.h"

extern char __heap_base;

__attribute__((noinline)) static void fill_stack(void) {
  volatile char frame[32 * 1024];
  for (size_t i = 0; i < sizeof frame; ++i) frame[i] = 0x5a;
}

int main(void) {
  const long mib = param_number("mib", 1);
  __builtin_wasm_memory_grow(0, (size_t)mib * 16);
  puts("secrets written");
  fflush(stdout);
  fill_stack();
  char* end = (char*)(__builtin_wasm_memory_size(0) * 65536);
  memset(&__heap_base, 0x5a, (size_t)(end - &__heap_base));
  return 0;
}
