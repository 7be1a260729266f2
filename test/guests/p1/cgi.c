// For `http = "cgi"`. ?case=... picks what the head looks like.
#include <stdio.h>

#include "params.h"

static const struct {
  const char* name;
  const char* output;
} kCases[] = {
    {"status", "Status: 418 I'm a teapot\nContent-Type: text/plain\nX-Guest: yes\n\nshort and stout\n"},
    {"crlf", "Status: 201 Created\r\nContent-Type: application/json\r\n\r\n{}\n"},
    {"default", "Content-Type: text/html\n\n<p>hello</p>\n"},
    {"location", "Location: /elsewhere\n\n"},
    {"cookies", "Content-Type: text/plain\nSet-Cookie: a=1\nSet-Cookie: b=2\n\nok\n"},
    {"hop",
     "Content-Type: text/plain\nConnection: upgrade\nTransfer-Encoding: chunked\nUpgrade: h2c\n"
     "Keep-Alive: timeout=9\nWasabi-Internal: 1\n\nok\n"},
    {"length", "Content-Type: text/plain\nContent-Length: 2\n\nok"},
    {"empty", ""},
    {"unfinished", "Content-Type: text/plain\n"},
    {"garbage", "this is not a header\n\nbody\n"},
    {"bad_status", "Status: 99\n\nbody\n"},
    {"injection", "X-A: a\rX-B: b\n\nbody\n"},
};

int main(void) {
  const char* wanted = param_text("case", "default");
  for (size_t i = 0; i < sizeof kCases / sizeof kCases[0]; ++i) {
    if (strcmp(kCases[i].name, wanted) == 0) {
      fputs(kCases[i].output, stdout);
      return 0;
    }
  }
  if (strcmp(wanted, "huge") == 0) {  // a head that never ends
    for (int i = 0; i < 100000; ++i) printf("X-Header-%d: value\n", i);
  }
  return 0;
}
