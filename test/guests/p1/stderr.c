// ?lines=N: that many lines to stderr, the last one without its line end; then "done" to stdout.
#include <stdio.h>

#include "params.h"

int main(void) {
  const long lines = param_number("lines", 3);
  for (long i = 1; i <= lines; ++i) fprintf(stderr, "line %ld%s", i, i < lines ? "\n" : "");
  puts("done");
  return 0;
}
