// ?fields=N&pollables=N: holds so many handles of either kind at once, then answers.
#include "web.h"

void web_handle(web_exchange* exchange) {
  const long fields = web_query_number(exchange, "fields", 0);
  const long pollables = web_query_number(exchange, "pollables", 0);
  web_start(exchange, 200);
  for (long i = 0; i < fields; ++i) wasi_http_types_constructor_fields();
  const wasi_io_streams_borrow_output_stream_t out = wasi_io_streams_borrow_output_stream(exchange->out);
  for (long i = 0; i < pollables; ++i) wasi_io_streams_method_output_stream_subscribe(out);
  web_print(exchange, "held\n");
  web_finish(exchange);
}
