// ?depth=N: recurses so deep; for ever without it. Each level keeps its frame in the engine's stack, not in memory.
#include <stdio.h>

#include "params.h"

static long descend(long depth, long limit) {
  if (depth == limit) return 0;
  return 1 + (descend(depth + 1, limit) ^ (depth & 1));
}

int main(void) {
  long (*volatile call)(long, long) = descend;
  printf("%ld\n", call(0, param_number("depth", -1)));
  return 0;
}
