// Sends a body of announced length, goes on for ?ms=N, and says so in its log before it finishes.
#include "web.h"

void web_handle(web_exchange* exchange) {
  web_add_header(exchange, "content-length", "6");
  web_start(exchange, 200);
  web_print(exchange, "whole\n");
  web_sleep((uint64_t)web_query_number(exchange, "ms", 100));
  web_log("lingered");
  web_finish(exchange);
}
