// ?rounds=N&ms=N&bytes=N&log=1&url=...&once=1: in every round (or only before the first) it calls the URL; then it
// computes for so long, writes so many bytes, as p1/work.c does, and says the round in its log.
#include <stdio.h>
#include <string.h>

#include "web.h"

static char line[64 * 1024];

static void compute(long ms) {
  const uint64_t start = web_now_milliseconds();
  volatile uint32_t state = 1;
  while (web_now_milliseconds() - start < (uint64_t)ms) {
    for (int i = 0; i < 10000; ++i) state = state * 1664525u + 1013904223u;
  }
}

static void call(const char* url) {
  static char answer[1024];
  web_call call;
  if (web_call_start(&call, url, false) != 0) __builtin_trap();
  if (web_call_wait(&call) != 200) __builtin_trap();
  ptrdiff_t size;
  while ((size = web_call_read(&call, answer, sizeof answer)) > 0) {
  }
  if (size < 0) __builtin_trap();
  web_call_close(&call);
}

void web_handle(web_exchange* exchange) {
  const long rounds = web_query_number(exchange, "rounds", 1);
  const long ms = web_query_number(exchange, "ms", 1);
  const size_t size = (size_t)web_query_number(exchange, "bytes", 100);
  const long log = web_query_number(exchange, "log", 0);
  const long once = web_query_number(exchange, "once", 0);
  const char* url = strdup(web_query(exchange, "url", ""));
  if (size > sizeof line) __builtin_trap();
  for (long round = 0; round < rounds; ++round) {
    if (*url != '\0' && (round == 0 || !once)) call(url);
    compute(ms);
    memset(line, 'a' + (int)(round % 26), sizeof line);
    const int head = snprintf(line, sizeof line, "round %ld", round);
    if (log) web_log(line);
    line[head] = ' ';
    line[head + 1] = 'a' + (char)(round % 26);
    if (round == 0) web_start(exchange, 200);
    if (size == 0) continue;
    line[size - 1] = '\n';
    if (!web_write(exchange, line, size)) return;
  }
  web_finish(exchange);
}
