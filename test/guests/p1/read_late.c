// ?ms=N: sleeps before it reads its input, so that whoever sends it meets back-pressure; answers the size.
#include <stdio.h>
#include <unistd.h>

#include "params.h"

static char buffer[64 * 1024];

int main(void) {
  pause_ms(param_number("ms", 500));
  long long total = 0;
  ssize_t size;
  while ((size = read(STDIN_FILENO, buffer, sizeof buffer)) > 0) total += size;
  printf("%lld\n", total);
  return size < 0;
}
