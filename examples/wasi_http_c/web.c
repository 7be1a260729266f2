#include "web.h"

#include <stdlib.h>
#include <string.h>

// ---- strings

static http_guest_string_t borrowed(const char* text) {
  const http_guest_string_t string = {(uint8_t*)text, strlen(text)};
  return string;
}

static char* terminated(const uint8_t* data, size_t size) {
  char* copy = malloc(size + 1);
  if (copy == NULL) __builtin_trap();
  memcpy(copy, data, size);
  copy[size] = '\0';
  return copy;
}

// ---- streams

static void forget_error(wasi_io_streams_stream_error_t* error) {
  wasi_io_streams_stream_error_free(error);
}

static bool write_all(wasi_io_streams_own_output_stream_t stream, const void* data, size_t size) {
  const wasi_io_streams_borrow_output_stream_t out = wasi_io_streams_borrow_output_stream(stream);
  const uint8_t* at = data;
  wasi_io_streams_stream_error_t error;
  while (size > 0) {
    uint64_t room = 0;
    if (!wasi_io_streams_method_output_stream_check_write(out, &room, &error)) return forget_error(&error), false;
    if (room == 0) {
      const wasi_io_poll_own_pollable_t ready = wasi_io_streams_method_output_stream_subscribe(out);
      wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(ready));
      wasi_io_poll_pollable_drop_own(ready);
      continue;
    }
    http_guest_list_u8_t piece = {(uint8_t*)at, size < room ? size : (size_t)room};
    if (!wasi_io_streams_method_output_stream_write(out, &piece, &error)) return forget_error(&error), false;
    at += piece.len;
    size -= piece.len;
  }
  return true;
}

static ptrdiff_t read_some(wasi_io_streams_own_input_stream_t stream, void* buffer, size_t size) {
  const wasi_io_streams_borrow_input_stream_t in = wasi_io_streams_borrow_input_stream(stream);
  http_guest_list_u8_t piece;
  wasi_io_streams_stream_error_t error;
  do {
    if (!wasi_io_streams_method_input_stream_blocking_read(in, size, &piece, &error)) {
      const bool closed = error.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED;
      forget_error(&error);
      return closed ? 0 : -1;
    }
  } while (piece.len == 0);
  const size_t got = piece.len;
  memcpy(buffer, piece.ptr, got);
  http_guest_list_u8_free(&piece);
  return (ptrdiff_t)got;
}

// ---- the request

static const char* value_in(const char* query, const char* name) {
  const size_t name_size = strlen(name);
  while (query != NULL) {
    ++query;  // past '?' or '&'
    if (strncmp(query, name, name_size) == 0 && query[name_size] == '=') return query + name_size + 1;
    query = strchr(query, '&');
  }
  return NULL;
}

const char* web_query(const web_exchange* exchange, const char* name, const char* fallback) {
  static char value[2048];
  const char* found = value_in(strchr(exchange->target, '?'), name);
  const size_t size = found != NULL ? strcspn(found, "&") : 0;
  if (found == NULL || size >= sizeof value) return fallback;
  memcpy(value, found, size);
  value[size] = '\0';
  return value;
}

long web_query_number(const web_exchange* exchange, const char* name, long fallback) {
  const char* text = web_query(exchange, name, NULL);
  return text != NULL ? strtol(text, NULL, 10) : fallback;
}

const char* web_method(const web_exchange* exchange) {
  static const char* const kNames[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  wasi_http_types_method_t method;
  wasi_http_types_method_incoming_request_method(wasi_http_types_borrow_incoming_request(exchange->request), &method);
  if (method.tag < WASI_HTTP_TYPES_METHOD_OTHER) return kNames[method.tag];
  return terminated(method.val.other.ptr, method.val.other.len);
}

void web_headers(const web_exchange* exchange, void (*each)(void* context, const char* name, const char* value),
                 void* context) {
  const wasi_http_types_own_headers_t headers =
      wasi_http_types_method_incoming_request_headers(wasi_http_types_borrow_incoming_request(exchange->request));
  wasi_http_types_list_tuple2_field_name_field_value_t entries;
  wasi_http_types_method_fields_entries(wasi_http_types_borrow_fields(headers), &entries);
  for (size_t i = 0; i < entries.len; ++i) {
    char* name = terminated(entries.ptr[i].f0.ptr, entries.ptr[i].f0.len);
    char* value = terminated(entries.ptr[i].f1.ptr, entries.ptr[i].f1.len);
    each(context, name, value);
    free(name);
    free(value);
  }
  wasi_http_types_list_tuple2_field_name_field_value_free(&entries);
  wasi_http_types_fields_drop_own(headers);
}

ptrdiff_t web_read(web_exchange* exchange, void* buffer, size_t size) {
  if (!exchange->reading) {
    const wasi_http_types_borrow_incoming_request_t request =
        wasi_http_types_borrow_incoming_request(exchange->request);
    if (!wasi_http_types_method_incoming_request_consume(request, &exchange->request_body)) return -1;
    const wasi_http_types_borrow_incoming_body_t body = wasi_http_types_borrow_incoming_body(exchange->request_body);
    if (!wasi_http_types_method_incoming_body_stream(body, &exchange->in)) return -1;
    exchange->reading = true;
  }
  return read_some(exchange->in, buffer, size);
}

// ---- the answer

static wasi_http_types_own_fields_t fields_of(web_exchange* exchange) {
  if (!exchange->has_fields) {
    exchange->fields = wasi_http_types_constructor_fields();
    exchange->has_fields = true;
  }
  return exchange->fields;
}

bool web_add_header(web_exchange* exchange, const char* name, const char* value) {
  http_guest_string_t field = borrowed(name);
  wasi_http_types_field_value_t bytes = {(uint8_t*)value, strlen(value)};
  wasi_http_types_header_error_t error;
  return wasi_http_types_method_fields_append(wasi_http_types_borrow_fields(fields_of(exchange)), &field, &bytes,
                                              &error);
}

void web_start(web_exchange* exchange, uint16_t status) {
  wasi_http_types_result_own_outgoing_response_error_code_t result = {.is_err = false};
  result.val.ok = wasi_http_types_constructor_outgoing_response(fields_of(exchange));
  const wasi_http_types_borrow_outgoing_response_t response = wasi_http_types_borrow_outgoing_response(result.val.ok);
  if (status != 200 && !wasi_http_types_method_outgoing_response_set_status_code(response, status)) __builtin_trap();
  if (!wasi_http_types_method_outgoing_response_body(response, &exchange->response_body)) __builtin_trap();
  wasi_http_types_static_response_outparam_set(exchange->answer, &result);
  const wasi_http_types_borrow_outgoing_body_t body = wasi_http_types_borrow_outgoing_body(exchange->response_body);
  if (!wasi_http_types_method_outgoing_body_write(body, &exchange->out)) __builtin_trap();
}

bool web_write(web_exchange* exchange, const void* data, size_t size) {
  return write_all(exchange->out, data, size);
}

bool web_print(web_exchange* exchange, const char* text) {
  return web_write(exchange, text, strlen(text));
}

bool web_print_number(web_exchange* exchange, long number) {
  char digits[24];
  char* at = digits + sizeof digits;
  unsigned long rest = number < 0 ? 0ul - (unsigned long)number : (unsigned long)number;
  do {
    *--at = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest > 0);
  if (number < 0) *--at = '-';
  return web_write(exchange, at, (size_t)(digits + sizeof digits - at));
}

void web_finish(web_exchange* exchange) {
  wasi_http_types_error_code_t error;
  wasi_io_streams_output_stream_drop_own(exchange->out);
  if (!wasi_http_types_static_outgoing_body_finish(exchange->response_body, NULL, &error)) {
    wasi_http_types_error_code_free(&error);
  }
}

// ---- requests of the function's own

static wasi_http_types_own_outgoing_request_t new_request(const char* url, bool post) {
  const bool tls = strncmp(url, "https://", 8) == 0;
  const char* authority = url + (tls ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0);
  const size_t authority_size = strcspn(authority, "/");
  const wasi_http_types_own_outgoing_request_t own =
      wasi_http_types_constructor_outgoing_request(wasi_http_types_constructor_fields());
  const wasi_http_types_borrow_outgoing_request_t request = wasi_http_types_borrow_outgoing_request(own);
  wasi_http_types_scheme_t scheme = {.tag = tls ? WASI_HTTP_TYPES_SCHEME_HTTPS : WASI_HTTP_TYPES_SCHEME_HTTP};
  wasi_http_types_method_t method = {.tag = post ? WASI_HTTP_TYPES_METHOD_POST : WASI_HTTP_TYPES_METHOD_GET};
  http_guest_string_t host = {(uint8_t*)authority, authority_size};
  http_guest_string_t path = borrowed(authority[authority_size] == '/' ? authority + authority_size : "/");
  const bool good = wasi_http_types_method_outgoing_request_set_scheme(request, &scheme) &&
                    wasi_http_types_method_outgoing_request_set_method(request, &method) &&
                    wasi_http_types_method_outgoing_request_set_authority(request, &host) &&
                    wasi_http_types_method_outgoing_request_set_path_with_query(request, &path);
  if (!good) __builtin_trap();
  return own;
}

static int code_of(wasi_http_types_error_code_t* error) {
  const int code = 1 + error->tag;
  wasi_http_types_error_code_free(error);
  return code;
}

static void open_body(web_call* call, wasi_http_types_borrow_outgoing_request_t request) {
  if (!wasi_http_types_method_outgoing_request_body(request, &call->body)) __builtin_trap();
  if (!wasi_http_types_method_outgoing_body_write(wasi_http_types_borrow_outgoing_body(call->body), &call->out)) {
    __builtin_trap();
  }
}

int web_call_start(web_call* call, const char* url, bool post) {
  const wasi_http_types_own_outgoing_request_t request = new_request(url, post);
  call->posting = post;
  if (post) open_body(call, wasi_http_types_borrow_outgoing_request(request));
  wasi_http_types_error_code_t error;
  if (wasi_http_outgoing_handler_handle(request, NULL, &call->future, &error)) return 0;
  if (post) {
    wasi_io_streams_output_stream_drop_own(call->out);
    wasi_http_types_outgoing_body_drop_own(call->body);
  }
  return code_of(&error);
}

bool web_call_write(web_call* call, const void* data, size_t size) {
  return write_all(call->out, data, size);
}

static void close_body(web_call* call) {
  wasi_http_types_error_code_t error;
  wasi_io_streams_output_stream_drop_own(call->out);
  if (!wasi_http_types_static_outgoing_body_finish(call->body, NULL, &error)) wasi_http_types_error_code_free(&error);
}

int web_call_wait(web_call* call) {
  if (call->posting) close_body(call);
  const wasi_http_types_borrow_future_incoming_response_t future =
      wasi_http_types_borrow_future_incoming_response(call->future);
  const wasi_io_poll_own_pollable_t ready = wasi_http_types_method_future_incoming_response_subscribe(future);
  wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(ready));
  wasi_io_poll_pollable_drop_own(ready);
  wasi_http_types_result_result_own_incoming_response_error_code_void_t result;
  if (!wasi_http_types_method_future_incoming_response_get(future, &result) || result.is_err) __builtin_trap();
  wasi_http_types_future_incoming_response_drop_own(call->future);
  if (result.val.ok.is_err) return -code_of(&result.val.ok.val.err);

  call->response = result.val.ok.val.ok;
  const wasi_http_types_borrow_incoming_response_t response = wasi_http_types_borrow_incoming_response(call->response);
  if (!wasi_http_types_method_incoming_response_consume(response, &call->response_body)) __builtin_trap();
  const wasi_http_types_borrow_incoming_body_t body = wasi_http_types_borrow_incoming_body(call->response_body);
  if (!wasi_http_types_method_incoming_body_stream(body, &call->in)) __builtin_trap();
  return wasi_http_types_method_incoming_response_status(response);
}

ptrdiff_t web_call_read(web_call* call, void* buffer, size_t size) {
  return read_some(call->in, buffer, size);
}

void web_call_close(web_call* call) {
  wasi_io_streams_input_stream_drop_own(call->in);
  wasi_http_types_incoming_body_drop_own(call->response_body);
  wasi_http_types_incoming_response_drop_own(call->response);
}

// ---- the rest of the world

void web_sleep(uint64_t milliseconds) {
  const wasi_io_poll_own_pollable_t timer = wasi_clocks_monotonic_clock_subscribe_duration(milliseconds * 1000000);
  wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(timer));
  wasi_io_poll_pollable_drop_own(timer);
}

uint64_t web_now_milliseconds(void) {
  return wasi_clocks_monotonic_clock_now() / 1000000;
}

const char* web_environment(const char* name) {
  const size_t name_size = strlen(name);
  const char* value = NULL;
  http_guest_list_tuple2_string_string_t variables;
  wasi_cli_environment_get_environment(&variables);
  for (size_t i = 0; i < variables.len && value == NULL; ++i) {
    const http_guest_tuple2_string_string_t* variable = &variables.ptr[i];
    if (variable->f0.len != name_size || memcmp(variable->f0.ptr, name, name_size) != 0) continue;
    value = terminated(variable->f1.ptr, variable->f1.len);
  }
  http_guest_list_tuple2_string_string_free(&variables);
  return value;
}

void web_log(const char* line) {
  const wasi_io_streams_own_output_stream_t out = wasi_cli_stderr_get_stderr();
  write_all(out, line, strlen(line));
  write_all(out, "\n", 1);
  wasi_io_streams_output_stream_drop_own(out);
}

// ---- what the component exports

static char* target_of(wasi_http_types_own_incoming_request_t request) {
  http_guest_string_t target;
  if (!wasi_http_types_method_incoming_request_path_with_query(wasi_http_types_borrow_incoming_request(request),
                                                               &target)) {
    return terminated((const uint8_t*)"/", 1);
  }
  char* copy = terminated(target.ptr, target.len);
  http_guest_string_free(&target);
  return copy;
}

void exports_wasi_http_incoming_handler_handle(exports_wasi_http_incoming_handler_own_incoming_request_t request,
                                               exports_wasi_http_incoming_handler_own_response_outparam_t answer) {
  web_exchange exchange = {.request = {request.__handle}, .answer = {answer.__handle}};
  exchange.target = target_of(exchange.request);
  web_handle(&exchange);
  if (exchange.reading) {
    wasi_io_streams_input_stream_drop_own(exchange.in);
    wasi_http_types_incoming_body_drop_own(exchange.request_body);
  }
  wasi_http_types_incoming_request_drop_own(exchange.request);
  free(exchange.target);
}
