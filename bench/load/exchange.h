// One request and what became of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/units.h"

namespace wasabi::bench {

// One entry of the request plan.
struct Request {
  std::string path;
  std::string http1_head;   // up to and with the empty line
  std::string expect_body;  // empty when any will do
};

enum class Outcome : std::uint8_t {
  kOk,
  kWrongStatus,
  kWrongBody,
  kTimeout,
  kClosed,    // the connection ended before the response did
  kReset,     // the stream was reset (h2c)
  kProtocol,  // the response was not HTTP
  kUnsent,    // due, but no connection was free before the timeout (open loop)
};
constexpr std::size_t kOutcomes = 8;
std::string_view toString(Outcome outcome);

struct Exchange {
  // Enough to recognise an answer by; the rest of a body is only counted.
  static constexpr std::size_t kKeptBodyBytes = 4096;

  const Request* request = nullptr;
  TimePoint intended;  // when it was due; latencies count from here
  TimePoint deadline;
  bool measured = false;
  std::size_t flow = 0;        // index of the flow it belongs to
  std::size_t connection = 0;  // index of the connection it runs on
  std::int32_t stream = 0;     // h2c
  std::uint64_t unsent_body_bytes = 0;
  int status = 0;
  std::string reason;  // that a refusal gives, see takeProxyStatus()
  std::uint64_t body_bytes = 0;
  std::string kept_body;

  // The details of a Proxy-Status field (RFC 9209) are the machine-readable reason of a refusal.
  void takeProxyStatus(std::string_view value);
  void takeBody(std::string_view chunk) {
    body_bytes += chunk.size();
    if (kept_body.size() < kKeptBodyBytes) kept_body.append(chunk.substr(0, kKeptBodyBytes - kept_body.size()));
  }
};

}  // namespace wasabi::bench
