#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace wasabi::internal {

void checkFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
  std::fflush(stderr);
  std::abort();
}

}  // namespace wasabi::internal
