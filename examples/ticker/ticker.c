// Streams a line of text every `?ms=N` (200) milliseconds, `?lines=N` (5) of them. While it waits it costs no thread.
#include "web.h"

void web_handle(web_exchange* exchange) {
  const long lines = web_query_number(exchange, "lines", 5);
  const long ms = web_query_number(exchange, "ms", 200);
  web_add_header(exchange, "content-type", "text/plain; charset=utf-8");
  web_start(exchange, 200);
  for (long i = 1; i <= lines; ++i) {
    web_print(exchange, "tick ");
    web_print_number(exchange, i);
    if (!web_print(exchange, "\n")) return;  // nobody listens any more
    if (i < lines) web_sleep((uint64_t)ms);
  }
  web_finish(exchange);
}
