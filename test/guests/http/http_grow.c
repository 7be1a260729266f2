// ?mib=N: takes and touches so much memory, one MiB after the other; answers how far it came.
#include "web.h"

void web_handle(web_exchange* exchange) {
  const long mib = web_query_number(exchange, "mib", 1);
  long grown = 0;
  for (; grown < mib; ++grown) {
    const size_t page = __builtin_wasm_memory_grow(0, 16);
    if (page == SIZE_MAX) break;
    volatile char* bytes = (volatile char*)(page * 65536);
    for (size_t at = 0; at < 1024 * 1024; at += 4096) bytes[at] = 1;
  }
  web_start(exchange, 200);
  web_print_number(exchange, grown);
  web_print(exchange, "\n");
  web_finish(exchange);
}
