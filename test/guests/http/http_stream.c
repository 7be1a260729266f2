// ?chunks=N&ms=N&size=N: so many chunks with a pause before each; the head goes out at once.
#include "web.h"

static char block[64 * 1024];

void web_handle(web_exchange* exchange) {
  const long chunks = web_query_number(exchange, "chunks", 5);
  const long ms = web_query_number(exchange, "ms", 20);
  const long size = web_query_number(exchange, "size", 0);
  if (size > (long)sizeof block) __builtin_trap();
  web_start(exchange, 200);
  for (long i = 0; i < chunks; ++i) {
    web_sleep((uint64_t)ms);
    if (size > 0) {
      if (!web_write(exchange, block, (size_t)size)) return;
    } else {
      web_print(exchange, "chunk ");
      web_print_number(exchange, i);
      if (!web_print(exchange, "\n")) return;
    }
  }
  web_finish(exchange);
}
