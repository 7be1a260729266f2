// ?ms=N: computes for so long before it answers; for ever without it.
#include "web.h"

void web_handle(web_exchange* exchange) {
  const long ms = web_query_number(exchange, "ms", -1);
  const uint64_t start = web_now_milliseconds();
  volatile uint32_t state = 1;
  while (ms < 0 || web_now_milliseconds() - start < (uint64_t)ms) {
    for (int i = 0; i < 10000; ++i) state = state * 1664525u + 1013904223u;
  }
  web_start(exchange, 200);
  web_print(exchange, "done\n");
  web_finish(exchange);
}
