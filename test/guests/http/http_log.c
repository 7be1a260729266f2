// ?lines=N: that many lines for the function's log.
#include "web.h"

void web_handle(web_exchange* exchange) {
  for (long left = web_query_number(exchange, "lines", 3); left > 0; --left) web_log("logged by a component");
  web_start(exchange, 200);
  web_finish(exchange);
}
