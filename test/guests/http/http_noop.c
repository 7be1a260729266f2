// The least a wasi:http function does: 200 and a tiny body.
#include "web.h"

void web_handle(web_exchange* exchange) {
  web_start(exchange, 200);
  web_write(exchange, "ok\n", 3);
  web_finish(exchange);
}
