#include "load/options.h"

#include <array>
#include <utility>

#include "flags.h"

namespace wasabi::bench {
namespace {

Result<std::string> asText(std::string_view text) {
  return std::string(text);
}

Result<Arrivals> asArrivals(std::string_view text) {
  if (text == "even") return Arrivals::kEven;
  if (text == "poisson") return Arrivals::kPoisson;
  return fail(ErrorCode::kInvalid, "wants even or poisson, not '" + std::string(text) + "'");
}

Result<FlowOptions> asFlow(std::string_view text) {
  const std::size_t space = text.find(' ');
  const auto rate = parseNumber<double>(text.substr(0, space));
  if (!rate || *rate <= 0 || space == std::string_view::npos) {
    return fail(ErrorCode::kInvalid, "wants 'RATE PATH' with a rate above 0, not '" + std::string(text) + "'");
  }
  return FlowOptions{*rate, std::string(text.substr(space + 1))};
}

Result<void> checkTogether(const Options& options) {
  if (options.connections == 0 || options.streams == 0) {
    return fail(ErrorCode::kInvalid, "--connections and --streams must be at least 1");
  }
  if (options.streams > 1 && !options.h2c) {
    return fail(ErrorCode::kInvalid,
                "--streams above 1 needs --h2c: HTTP/1.1 has one request per connection at a time");
  }
  if (options.rate < 0) return fail(ErrorCode::kInvalid, "--rate must not be negative");
  if (!options.flows.empty() && (options.rate > 0 || !options.paths_file.empty())) {
    return fail(ErrorCode::kInvalid, "--flow has a rate and a path of its own: no --rate and --paths beside it");
  }
  if ((options.rate > 0 || !options.flows.empty()) && options.duration <= Duration::zero()) {
    return fail(ErrorCode::kInvalid, "an open loop needs a --duration above 0");
  }
  return {};
}

template <typename Value, typename Parse>
std::function<Result<void>(std::string_view)> append(std::vector<Value>& values, Parse parse) {
  return [&values, parse](std::string_view text) -> Result<void> {
    auto parsed = parse(text);
    if (!parsed) return fail(std::move(parsed).error());
    values.push_back(*std::move(parsed));
    return {};
  };
}

}  // namespace

Result<Options> parseOptions(std::span<char* const> arguments) {
  Options o;
  const auto use_h2c = [&o](std::string_view) -> Result<void> {
    o.h2c = true;
    return {};
  };
  const auto use_busy_poll = [&o](std::string_view) -> Result<void> {
    o.busy_poll = true;
    return {};
  };
  const std::array flags{
      Flag{"--target", "ADDR", "127.0.0.1:PORT or unix:/path", store(o.target, asText)},
      Flag{"--h2c", "", "HTTP/2 with prior knowledge instead of HTTP/1.1", use_h2c},
      Flag{"--connections", "N", "connections, all open from the start",
           store(o.connections, parseNumber<std::size_t>)},
      Flag{"--streams", "N", "requests at once per connection (h2c)", store(o.streams, parseNumber<std::size_t>)},
      Flag{"--rate", "R", "requests per second, open loop; 0: closed loop", store(o.rate, parseNumber<double>)},
      Flag{"--arrivals", "KIND", "of an open loop: even or poisson", store(o.arrivals, asArrivals)},
      Flag{"--flow", "'RATE PATH'", "one open loop of several; may be repeated", append(o.flows, asFlow)},
      Flag{"--duration", "TIME", "how long requests are started and counted", store(o.duration, parseDuration)},
      Flag{"--warmup", "TIME", "the same load before that, not counted", store(o.warmup, parseDuration)},
      Flag{"--requests", "N", "stop after so many counted requests", store(o.requests, parseNumber<std::uint64_t>)},
      Flag{"--timeout", "TIME", "for one request", store(o.timeout, parseDuration)},
      Flag{"--method", "NAME", "of every request", store(o.method, asText)},
      Flag{"--path", "PATH", "of every request", store(o.path, asText)},
      Flag{"--paths", "FILE", "lines of PATH[<TAB>text in the body]; each once per round, rounds shuffled",
           store(o.paths_file, asText)},
      Flag{"--seed", "N", "of the shuffling and of Poisson arrivals", store(o.seed, parseNumber<std::uint64_t>)},
      Flag{"--host", "NAME", "the Host header", store(o.host, asText)},
      Flag{"--header", "'NAME: VALUE'", "one more request header; may be repeated", append(o.headers, asText)},
      Flag{"--body-bytes", "N", "length of the request body", store(o.body_bytes, parseNumber<std::uint64_t>)},
      Flag{"--expect-status", "N", "any other is an error", store(o.expect_status, parseNumber<int>)},
      Flag{"--expect-body", "TEXT", "must be in the first 4 KiB of the body", store(o.expect_body, asText)},
      Flag{"--expect-bytes", "N", "length of the response body", store(o.expect_bytes, parseNumber<std::uint64_t>)},
      Flag{"--busy-poll", "", "never sleep: no server pays for waking the generator", use_busy_poll},
      Flag{"--pid", "N", "tell this process's CPU time; may be repeated", append(o.pids, parseNumber<int>)},
  };
  if (Result<void> parsed = parseFlags(arguments, flags); !parsed) return fail(std::move(parsed).error());
  if (Result<void> fits = checkTogether(o); !fits) return fail(std::move(fits).error());
  return o;
}

}  // namespace wasabi::bench
