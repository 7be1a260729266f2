// ?mib=N&step_ms=N&hold_ms=N: grows by N MiB one by one, touches every page, holds it, tells how far it came.
// ?step_pages=N: by so many pages each time instead. ?until_pages=N: then until its memory is of that size.
#include <stdint.h>
#include <stdio.h>

#include "params.h"

static int grow(size_t pages) {
  const size_t page = __builtin_wasm_memory_grow(0, pages);
  if (page == SIZE_MAX) return 0;
  volatile char* bytes = (volatile char*)(page * 65536);
  for (size_t at = 0; at < pages * 65536; at += 4096) bytes[at] = 1;
  return 1;
}

int main(void) {
  const long step_pages = param_number("step_pages", 16);
  const long pages = param_number("mib", 1) * 16;
  const long step_ms = param_number("step_ms", 0);
  const long until_pages = param_number("until_pages", 0);
  long grown = 0;
  for (; grown < pages && grow((size_t)step_pages); grown += step_pages) pause_ms(step_ms);
  const long now = (long)__builtin_wasm_memory_size(0);
  if (now < until_pages && grow((size_t)(until_pages - now))) grown = until_pages;
  pause_ms(param_number("hold_ms", 0));
  printf("grown=%ld\n", grown / 16);
  return 0;
}
