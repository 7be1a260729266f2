// What a test asks of a guest: `?name=value` of the request, or an environment variable of that name.
#ifndef WASABI_TEST_GUESTS_PARAMS_H
#define WASABI_TEST_GUESTS_PARAMS_H

#include <stdlib.h>
#include <string.h>
#include <time.h>

// The value as text, cut at the next '&'; `fallback` when the name is not there.
static inline const char* param_text(const char* name, const char* fallback) {
  static char value[1024];
  const size_t name_size = strlen(name);
  const char* at = getenv("QUERY_STRING");
  while (at != NULL && *at != '\0') {
    if (strncmp(at, name, name_size) == 0 && at[name_size] == '=') {
      at += name_size + 1;
      const size_t size = strcspn(at, "&");
      if (size >= sizeof value) return fallback;
      memcpy(value, at, size);
      value[size] = '\0';
      return value;
    }
    at = strchr(at, '&');
    if (at != NULL) ++at;
  }
  const char* variable = getenv(name);
  return variable != NULL ? variable : fallback;
}

static inline long param_number(const char* name, long fallback) {
  const char* text = param_text(name, NULL);
  return text != NULL ? strtol(text, NULL, 10) : fallback;
}

static inline void pause_ms(long ms) {
  if (ms <= 0) return;
  const struct timespec pause = {ms / 1000, (ms % 1000) * 1000000};
  nanosleep(&pause, NULL);
}

#endif
