// ?url=...: calls it (with this request's body when it is a POST) and relays status and body. A failed call is
// answered 502 with "error N", N being wasi:http's error code.
#include <string.h>

#include "web.h"

static char buffer[64 * 1024];

static void fail(web_exchange* exchange, int code) {
  web_start(exchange, 502);
  web_print(exchange, "error ");
  web_print_number(exchange, code - 1);
  web_print(exchange, "\n");
  web_finish(exchange);
}

void web_handle(web_exchange* exchange) {
  const bool post = strcmp(web_method(exchange), "POST") == 0;
  web_call call;
  ptrdiff_t size;
  const int refused = web_call_start(&call, web_query(exchange, "url", "http://127.0.0.1/"), post);
  if (refused != 0) return fail(exchange, refused);
  while (post && (size = web_read(exchange, buffer, sizeof buffer)) > 0) {
    if (!web_call_write(&call, buffer, (size_t)size)) break;
  }
  const int status = web_call_wait(&call);
  if (status < 0) return fail(exchange, -status);
  web_start(exchange, (uint16_t)status);
  while ((size = web_call_read(&call, buffer, sizeof buffer)) > 0) {
    if (!web_write(exchange, buffer, (size_t)size)) break;
  }
  web_call_close(&call);
  if (size == 0) web_finish(exchange);
}
