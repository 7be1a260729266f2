// What the load generator is asked to do.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/units.h"

namespace wasabi::bench {

// How the requests of an open loop follow each other.
enum class Arrivals : std::uint8_t { kEven, kPoisson };

struct FlowOptions {
  double rate;
  std::string path;
};

struct Options {
  std::string target = "127.0.0.1:8080";  // host:port (numeric IPv4) or unix:/path
  bool h2c = false;
  std::size_t connections = 1;
  std::size_t streams = 1;  // at once on each connection; more than one only with h2c
  double rate = 0;          // requests started per second; 0 is the closed loop: one per stream, always
  Arrivals arrivals = Arrivals::kEven;
  std::vector<FlowOptions>
      flows;  // instead of `rate` and `path`: several open loops at once, over the same connections
  Duration duration = std::chrono::seconds(5);
  Duration warmup{};           // before the duration, not counted
  std::uint64_t requests = 0;  // ends the run earlier; 0 for no such end
  Duration timeout = std::chrono::seconds(30);
  std::string method = "GET";
  std::string path = "/";
  std::string paths_file;  // instead of `path`: lines of PATH or PATH<TAB>text that the body must contain
  std::uint64_t seed = 1;
  std::string host = "localhost";
  std::vector<std::string> headers;  // "Name: value"
  std::uint64_t body_bytes = 0;
  int expect_status = 200;
  std::string expect_body;                    // text that every body must contain
  std::optional<std::uint64_t> expect_bytes;  // length that every body must have
  std::vector<int> pids;                      // whose CPU time is told
  bool busy_poll = false;                     // never sleep, so that no server pays for waking the generator
};

Result<Options> parseOptions(std::span<char* const> arguments);

}  // namespace wasabi::bench
