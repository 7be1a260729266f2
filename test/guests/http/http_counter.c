// How many requests this instance has served: 1 unless instances are used again.
#include "web.h"

static long served;

void web_handle(web_exchange* exchange) {
  web_start(exchange, 200);
  web_print_number(exchange, ++served);
  web_print(exchange, "\n");
  web_finish(exchange);
}
