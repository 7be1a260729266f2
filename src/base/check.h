// Invariants. CHECK holds in every build: a broken one is a bug of ours, and the process ends with the place and
// the condition rather than run on with wrong state. Never used on input from outside.
#pragma once

namespace wasabi::internal {
[[noreturn]] void checkFailed(const char* file, int line, const char* condition);
}  // namespace wasabi::internal

#define WASABI_CHECK(condition)                                        \
  do {                                                                 \
    if (__builtin_expect(!(condition), 0)) {                           \
      ::wasabi::internal::checkFailed(__FILE__, __LINE__, #condition); \
    }                                                                  \
  } while (false)
