// Streams the body back as it comes. ?ms=N: a pause after each piece (a slow reader of the request).
#include "web.h"

static char buffer[64 * 1024];

void web_handle(web_exchange* exchange) {
  const long ms = web_query_number(exchange, "ms", 0);
  web_add_header(exchange, "content-type", "application/octet-stream");
  web_start(exchange, 200);
  ptrdiff_t size;
  while ((size = web_read(exchange, buffer, sizeof buffer)) > 0) {
    if (!web_write(exchange, buffer, (size_t)size)) return;
    if (ms > 0) web_sleep((uint64_t)ms);
  }
  if (size == 0) web_finish(exchange);
}
