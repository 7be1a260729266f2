// wasabi-load: drives one HTTP server with HTTP/1.1 or h2c, closed or open loop, and prints what it found as JSON.
// One thread; to be pinned to a core that the server does not use.
#include <sys/resource.h>

#include <cstdio>
#include <span>

#include "load/driver.h"
#include "load/options.h"
#include "load/plan.h"
#include "load/report.h"

namespace wasabi::bench {
namespace {

// As many connections as the system lets this process have.
void raiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

Result<Report> run(std::span<char* const> arguments) {
  const Result<Options> options = parseOptions(arguments);
  if (!options) return fail(options.error());
  Result<std::vector<Plan>> plans = Plan::makeEach(*options);
  if (!plans) return fail(std::move(plans).error());
  raiseFileLimit();
  return Driver(*options, *std::move(plans)).run();
}

}  // namespace
}  // namespace wasabi::bench

int main(int argc, char** argv) {
  const auto report = wasabi::bench::run(std::span<char* const>(argv, static_cast<std::size_t>(argc)).subspan(1));
  if (!report) {
    std::fprintf(stderr, "wasabi-load: %s\n", report.error().message().c_str());
    return 1;
  }
  std::puts(toJson(*report).c_str());
  return 0;
}
