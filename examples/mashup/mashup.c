// Calls two other functions and answers with what they said. Whom it may call stands in its manifest.
#include "web.h"

static void relay(web_exchange* exchange, const char* name) {
  static char buffer[16 * 1024];
  web_call call;
  web_print(exchange, name);
  web_print(exchange, ": ");
  const char* url = web_environment(name);
  if (url == NULL || web_call_start(&call, url, false) != 0 || web_call_wait(&call) != 200) {
    web_print(exchange, "no answer\n");
    return;
  }
  ptrdiff_t size;
  while ((size = web_call_read(&call, buffer, sizeof buffer)) > 0) web_write(exchange, buffer, (size_t)size);
  web_call_close(&call);
}

void web_handle(web_exchange* exchange) {
  web_add_header(exchange, "content-type", "text/plain; charset=utf-8");
  web_start(exchange, 200);
  relay(exchange, "FIRST");
  relay(exchange, "SECOND");
  web_finish(exchange);
}
