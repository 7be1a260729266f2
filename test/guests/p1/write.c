// ?bytes=N|mib=N&chunk=N&ms=N: writes so much, in chunks, with a pause after each.
#include <stdio.h>
#include <unistd.h>

#include "params.h"

static char block[1024 * 1024];

int main(void) {
  long left = param_number("bytes", param_number("mib", 1) * 1024 * 1024);
  const long chunk = param_number("chunk", 65536);
  const long ms = param_number("ms", 0);
  if (chunk <= 0 || chunk > (long)sizeof block) return 2;
  memset(block, 'x', sizeof block);
  while (left > 0) {
    const ssize_t written = write(STDOUT_FILENO, block, (size_t)(left < chunk ? left : chunk));
    if (written < 0) return 3;
    left -= written;
    pause_ms(ms);
  }
  return 0;
}
