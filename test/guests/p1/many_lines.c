// ?kib=N: floods stderr; the log's rate limit must drop most of it and the answer must not suffer.
#include <stdio.h>
#include <unistd.h>

#include "params.h"

int main(void) {
  static char line[1024];
  memset(line, 'e', sizeof line);
  line[sizeof line - 1] = '\n';
  for (long i = param_number("kib", 1024); i > 0; --i) {
    if (write(STDERR_FILENO, line, sizeof line) < 0) return 1;
  }
  puts("done");
  return 0;
}
