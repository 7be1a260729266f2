// ?read=N&first=HOW&mib=N&step_ms=N: reads N bytes of the body, acts (HOW: "head" starts the answer, "call" calls ?url=
// and waits for its answer), grows by N MiB one by one and touches every page, reads the rest of the body, and answers
// with all that it read.
#include <stdint.h>
#include <string.h>

#include "web.h"

static char body[1024 * 1024];

static size_t read_up_to(web_exchange* exchange, size_t have, size_t wanted) {
  while (have < wanted) {
    const ptrdiff_t size = web_read(exchange, body + have, wanted - have);
    if (size <= 0) break;
    have += (size_t)size;
  }
  return have;
}

static void call_out(const char* url) {
  web_call call;
  if (web_call_start(&call, url, false) != 0) __builtin_trap();
  if (web_call_wait(&call) != 200) __builtin_trap();
  web_call_close(&call);
}

void web_handle(web_exchange* exchange) {
  size_t have = read_up_to(exchange, 0, (size_t)web_query_number(exchange, "read", 0));
  const char* first = web_query(exchange, "first", "");
  const bool head_is_out = strcmp(first, "head") == 0;
  if (head_is_out) web_start(exchange, 200);
  if (strcmp(first, "call") == 0) call_out(web_query(exchange, "url", ""));
  const long mib = web_query_number(exchange, "mib", 1);
  const uint64_t step_ms = (uint64_t)web_query_number(exchange, "step_ms", 0);
  for (long grown = 0; grown < mib; ++grown) {
    const size_t page = __builtin_wasm_memory_grow(0, 16);
    if (page == SIZE_MAX) __builtin_trap();
    volatile char* bytes = (volatile char*)(page * 65536);
    for (size_t at = 0; at < 1024 * 1024; at += 4096) bytes[at] = 1;
    if (step_ms > 0) web_sleep(step_ms);
  }
  have = read_up_to(exchange, have, sizeof body);
  if (!head_is_out) web_start(exchange, 200);
  web_write(exchange, body, have);
  web_finish(exchange);
}
