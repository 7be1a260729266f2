// ?how=: the ways a wasi:http function can let its caller down.
#include <string.h>

#include "web.h"

static void answer_error(web_exchange* exchange) {
  wasi_http_types_result_own_outgoing_response_error_code_t result = {.is_err = true};
  result.val.err.tag = WASI_HTTP_TYPES_ERROR_CODE_LOOP_DETECTED;
  wasi_http_types_static_response_outparam_set(exchange->answer, &result);
}

// Frames that live in the engine's stack alone: the guest's own would end in its memory first.
static long descend(long depth) {
  return depth < 0 ? 0 : 1 + (descend(depth + 1) ^ (depth & 1));
}

static void recurse(void) {
  long (*volatile call)(long) = descend;
  if (call(0) == 0) __builtin_trap();
}

void web_handle(web_exchange* exchange) {
  const char* how = web_query(exchange, "how", "");
  if (strcmp(how, "no_response") == 0) return;
  if (strcmp(how, "error") == 0) return answer_error(exchange);
  if (strcmp(how, "trap") == 0) __builtin_trap();
  if (strcmp(how, "recursion") == 0) recurse();
  web_start(exchange, 200);
  web_print(exchange, "so far so good\n");
  web_sleep(20);
  if (strcmp(how, "trap_after_head") == 0) __builtin_trap();
  if (strcmp(how, "unfinished") == 0) return;
  web_finish(exchange);
  if (strcmp(how, "trap_after_end") == 0) __builtin_trap();
}
