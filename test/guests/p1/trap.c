// ?how=unreachable|bounds|divide|indirect & bytes=N & flush=1: writes N bytes first, then traps.
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "params.h"

static void write_bytes(long bytes) {
  static char block[4096];
  memset(block, 'x', sizeof block);
  while (bytes > 0) {
    const size_t size = bytes < (long)sizeof block ? (size_t)bytes : sizeof block;
    const ssize_t written = write(STDOUT_FILENO, block, size);
    if (written <= 0) return;
    bytes -= written;
  }
}

int main(void) {
  write_bytes(param_number("bytes", 0));
  const char* how = param_text("how", "unreachable");
  volatile int zero = 0;
  volatile int seven = 7;
  volatile uintptr_t beyond = 0xfffffff0u;
  if (strcmp(how, "bounds") == 0) return *(volatile int*)beyond;
  if (strcmp(how, "divide") == 0) return seven / zero;
  if (strcmp(how, "indirect") == 0) return ((int (*)(void))(beyond & 0xffff))();
  __builtin_trap();
}
