// The request as the function sees it: "method target", then a line per header; then its environment.
#include "web.h"

static void print_header(void* context, const char* name, const char* value) {
  web_exchange* exchange = context;
  web_print(exchange, name);
  web_print(exchange, ": ");
  web_print(exchange, value);
  web_print(exchange, "\n");
}

static void print_environment(web_exchange* exchange) {
  http_guest_list_tuple2_string_string_t variables;
  wasi_cli_environment_get_environment(&variables);
  for (size_t i = 0; i < variables.len; ++i) {
    web_write(exchange, variables.ptr[i].f0.ptr, variables.ptr[i].f0.len);
    web_print(exchange, "=");
    web_write(exchange, variables.ptr[i].f1.ptr, variables.ptr[i].f1.len);
    web_print(exchange, "\n");
  }
  http_guest_list_tuple2_string_string_free(&variables);
}

void web_handle(web_exchange* exchange) {
  web_add_header(exchange, "x-guest", "yes");
  web_add_header(exchange, "set-cookie", "a=1");
  web_add_header(exchange, "set-cookie", "b=2");
  web_add_header(exchange, "wasabi-internal", "1");
  web_add_header(exchange, "proxy-status", "wasabi; error=proxy_internal_response; details=\"function.trap\"");
  web_start(exchange, (uint16_t)web_query_number(exchange, "status", 200));
  web_print(exchange, web_method(exchange));
  web_print(exchange, " ");
  web_print(exchange, exchange->target);
  web_print(exchange, "\n");
  web_headers(exchange, print_header, exchange);
  print_environment(exchange);
  web_finish(exchange);
}
