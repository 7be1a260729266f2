// Takes memory until it gets no more, then traps: how a program that does not check malloc ends.
#include <stdint.h>

int main(void) {
  for (;;) {
    const size_t page = __builtin_wasm_memory_grow(0, 16);
    if (page == SIZE_MAX) __builtin_trap();
    volatile char* bytes = (volatile char*)(page * 65536);
    for (size_t at = 0; at < 1024 * 1024; at += 4096) bytes[at] = 1;
  }
}
