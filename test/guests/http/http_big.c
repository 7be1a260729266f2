// ?mib=N: a response of so many MiB, as fast as it is taken.
#include "web.h"

static char block[1024 * 1024];

void web_handle(web_exchange* exchange) {
  web_start(exchange, 200);
  for (long left = web_query_number(exchange, "mib", 1); left > 0; --left) {
    if (!web_write(exchange, block, sizeof block)) return;
  }
  web_finish(exchange);
}
