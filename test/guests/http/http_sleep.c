// ?ms=N: parks for so long before it answers.
#include "web.h"

void web_handle(web_exchange* exchange) {
  web_sleep((uint64_t)web_query_number(exchange, "ms", 100));
  web_start(exchange, 200);
  web_print(exchange, "slept\n");
  web_finish(exchange);
}
