// Looks at fresh memory before anything else ran: counts bytes that are not zero in the unused stack, the heap and
// 4 MiB of grown memory. Has no libc start-up code, which would use some of them.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

extern char __data_end;
extern char __heap_base;
void __wasm_call_ctors(void);

static size_t dirty;
static size_t looked_at;
static uintptr_t first;

static void scan(const volatile char* from, const volatile char* to) {
  for (; from < to; ++from, ++looked_at) {
    if (*from == 0) continue;
    if (dirty++ == 0) first = (uintptr_t)from;
  }
}

static void report(void) {
  printf("looked_at=%zu dirty=%zu first=%zu\n", looked_at, dirty, (size_t)first);
}

// Instead of the C library's: nothing has run before it.
void _start(void) {
  char here;
  const volatile char* stack_pointer = &here;
  scan(&__data_end, stack_pointer - 512);
  scan(&__heap_base, (const char*)(__builtin_wasm_memory_size(0) * 65536));
  const size_t grown = __builtin_wasm_memory_grow(0, 64);
  if (grown == SIZE_MAX) __builtin_trap();
  scan((const char*)(grown * 65536), (const char*)(__builtin_wasm_memory_size(0) * 65536));
  __wasm_call_ctors();
  report();
  fflush(stdout);
}
