// wasi:http for C in a few calls. A function is one procedure:
//
//   #include "web.h"
//   void web_handle(web_exchange* exchange) {
//     web_start(exchange, 200);
//     web_print(exchange, "hello\n");
//     web_finish(exchange);
//   }
//
// Everything blocks the function, never the platform. Writes and reads stream: nothing is collected in memory.
#ifndef WASABI_EXAMPLES_WEB_H
#define WASABI_EXAMPLES_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bindings/http_guest.h"

// One request and the answer to it.
typedef struct web_exchange {
  wasi_http_types_own_incoming_request_t request;
  wasi_http_types_own_response_outparam_t answer;
  char* target;  // path and query
  bool reading;
  wasi_http_types_own_incoming_body_t request_body;
  wasi_http_types_own_input_stream_t in;
  bool has_fields;
  wasi_http_types_own_fields_t fields;
  wasi_http_types_own_outgoing_body_t response_body;
  wasi_http_types_own_output_stream_t out;
} web_exchange;

// What the program implements.
void web_handle(web_exchange* exchange);

// ---- the request

// The value of `?name=value`, not decoded; `fallback` when it is not there. Valid until the next call.
const char* web_query(const web_exchange* exchange, const char* name, const char* fallback);
long web_query_number(const web_exchange* exchange, const char* name, long fallback);
// "GET", "POST" ...
const char* web_method(const web_exchange* exchange);
// Calls `each` for every header; names and values are terminated.
void web_headers(const web_exchange* exchange, void (*each)(void* context, const char* name, const char* value),
                 void* context);
// Bytes of the body, at most `size`; 0 at its end, -1 when it failed. Waits for the first byte.
ptrdiff_t web_read(web_exchange* exchange, void* buffer, size_t size);

// ---- the answer: headers, start, body, finish

bool web_add_header(web_exchange* exchange, const char* name, const char* value);
void web_start(web_exchange* exchange, uint16_t status);
// False when nobody takes the bytes any more.
bool web_write(web_exchange* exchange, const void* data, size_t size);
bool web_print(web_exchange* exchange, const char* text);
bool web_print_number(web_exchange* exchange, long number);
// Without it the client sees that the body is cut short.
void web_finish(web_exchange* exchange);

// ---- requests of the function's own

typedef struct web_call {
  bool posting;  // there is a body to send
  wasi_http_types_own_outgoing_body_t body;
  wasi_http_types_own_output_stream_t out;
  wasi_http_types_own_future_incoming_response_t future;
  wasi_http_types_own_incoming_response_t response;
  wasi_http_types_own_incoming_body_t response_body;
  wasi_http_types_own_input_stream_t in;
} web_call;

// Starts a GET, or a POST whose body web_call_write() sends. `url` is "http://host[:port]/path" or "https://...".
// Returns 0, or 1 + WASI_HTTP_TYPES_ERROR_CODE_*.
int web_call_start(web_call* call, const char* url, bool post);
bool web_call_write(web_call* call, const void* data, size_t size);
// Ends the body and waits for the head of the answer: its status, or -(1 + WASI_HTTP_TYPES_ERROR_CODE_*).
int web_call_wait(web_call* call);
ptrdiff_t web_call_read(web_call* call, void* buffer, size_t size);
// After web_call_wait() gave a status.
void web_call_close(web_call* call);

// ---- the rest of the world

void web_sleep(uint64_t milliseconds);
uint64_t web_now_milliseconds(void);
// NULL when there is no such variable. The text stays until the program ends.
const char* web_environment(const char* name);
// A line for the function's log.
void web_log(const char* line);

#endif
