// ?bytes=N: random bytes in hex, asked for in one call.
#include <stdint.h>
#include <stdio.h>
#include <wasi/api.h>

#include "params.h"

int main(void) {
  const long bytes = param_number("bytes", 16);
  uint8_t* buffer = malloc((size_t)bytes);
  if (buffer == NULL) return 2;
  const __wasi_errno_t error = __wasi_random_get(buffer, (size_t)bytes);
  if (error != 0) {
    printf("errno=%d\n", (int)error);
    return 0;
  }
  for (long i = 0; i < bytes && i < 64; ++i) printf("%02x", buffer[i]);
  printf("\n");
  return 0;
}
