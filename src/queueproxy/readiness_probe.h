// What SERVING_READINESS_PROBE asks of the application: one corev1.Probe as JSON, or an array of them where several
// containers are probed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/units.h"

namespace wasabi::queueproxy {

struct ReadinessProbe {
  enum class Kind : std::uint8_t { kHttpGet, kTcp, kGrpc };

  Kind kind = Kind::kTcp;
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  // Of kHttpGet. Ready by 200 to 399; no certificate is checked with https, as kubelet does not.
  bool https = false;
  std::string path = "/";
  std::vector<std::pair<std::string, std::string>> headers;
  // Of kGrpc: of grpc.health.v1.Health/Check; empty asks for the server as a whole.
  std::string grpc_service;

  // Zero: aggressive. Then the application is asked each kAggressiveInterval, kAggressiveTimeout each, for up to
  // kAggressivePatience, until it was ready `success_threshold` times on end; else once, for `timeout`.
  Duration period{};
  Duration timeout = std::chrono::seconds(1);
  std::uint32_t success_threshold = 1;

  bool isAggressive() const { return period == Duration::zero(); }
  bool operator==(const ReadinessProbe&) const = default;

  static constexpr Duration kAggressiveInterval = std::chrono::milliseconds(50);
  static constexpr Duration kAggressiveTimeout = std::chrono::milliseconds(100);
  static constexpr Duration kAggressivePatience = std::chrono::seconds(10);
};

inline constexpr std::size_t kMostProbeBytes = 256 * 1024;
inline constexpr std::size_t kMostProbes = 32;
inline constexpr std::size_t kMostProbeHeaders = 64;

// All of them have to be satisfied; "null" and an empty array are no probe at all, which is always satisfied. An exec
// probe, which only kubelet can run, becomes a TCP probe of `user_port`; a port that is missing, or has a name, is
// `user_port`; unknown members are passed over.
Result<std::vector<ReadinessProbe>> parseReadinessProbes(std::string_view json, std::uint16_t user_port);

}  // namespace wasabi::queueproxy
