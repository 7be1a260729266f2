// ?how=fields: as many header maps as the host gives, each nearly filled up (112 KiB); ?how=clones: the same by
// copying; ?how=calls&url=...: outbound calls that are started and kept, as many as the host lets; ?how=pollables:
// timers.
#include <string.h>

#include "web.h"

static char value[16 * 1024];

static void fill(wasi_http_types_own_fields_t fields) {
  memset(value, 'v', sizeof value);
  char name[] = "x-a";
  http_guest_string_t key = {(uint8_t*)name, 3};
  wasi_http_types_field_value_t content = {(uint8_t*)value, sizeof value};
  wasi_http_types_header_error_t error;
  for (; name[2] <= 'g'; ++name[2]) {
    if (!wasi_http_types_method_fields_append(wasi_http_types_borrow_fields(fields), &key, &content, &error)) return;
  }
}

void web_handle(web_exchange* exchange) {
  const char* how = web_query(exchange, "how", "");
  long made = 0;
  if (strcmp(how, "fields") == 0) {
    for (; made < 100000; ++made) fill(wasi_http_types_constructor_fields());
  } else if (strcmp(how, "clones") == 0) {
    const wasi_http_types_own_fields_t first = wasi_http_types_constructor_fields();
    fill(first);
    for (; made < 100000; ++made) wasi_http_types_method_fields_clone(wasi_http_types_borrow_fields(first));
  } else if (strcmp(how, "pollables") == 0) {
    for (; made < 1000000; ++made) wasi_clocks_monotonic_clock_subscribe_duration(60000000000u);
  } else if (strcmp(how, "calls") == 0) {
    web_call call;
    const char* url = web_query(exchange, "url", "http://127.0.0.1/");
    while (made < 100000 && web_call_start(&call, url, false) == 0) ++made;
  }
  web_start(exchange, 200);
  web_print_number(exchange, made);
  web_print(exchange, "\n");
  web_finish(exchange);
}
