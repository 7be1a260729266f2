// What the queue-proxy is told: by Knative's environment variables, by variables of its own (WASABI_QP_*), and by the
// pod's annotations (wasabi.dev/*). The page for operators is docs/queue-proxy.md.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/units.h"
#include "queueproxy/box_admin_address.h"
#include "queueproxy/observability.h"
#include "queueproxy/peer_trust.h"
#include "queueproxy/readiness_probe.h"

namespace wasabi::queueproxy {

// Of the pod that is served; for Stat, logs, metrics and traces. Empty where nothing was said.
struct RevisionIdentity {
  std::string namespace_name;
  std::string service;
  std::string configuration;
  std::string revision;
  std::string pod;
  std::string pod_ip;
};

// Port 0: one that the kernel chooses.
struct Addresses {
  std::string bind_address;  // empty: all addresses of the pod
  std::uint16_t serving_port = 8012;
  std::uint16_t serving_tls_port = 8112;
  std::uint16_t admin_port = 8022;         // /wait-for-drain
  std::uint16_t autoscaler_port = 9090;    // Stat
  std::uint16_t user_metrics_port = 9091;  // Prometheus, if asked for
  std::uint16_t user_port = 8080;          // of the application, at 127.0.0.1
};

struct Files {
  // TLS is served if both are there.
  std::string certificate = "/var/lib/knative/certs/tls.crt";
  std::string key = "/var/lib/knative/certs/tls.key";
  std::string annotations = "/etc/podinfo/annotations";
};

// Of one request; zero: none.
struct TimeoutSettings {
  Duration overall = std::chrono::seconds(300);
  Duration response_start{};
  Duration idle{};
};

enum class TlsVersion : std::uint8_t { kTls12, kTls13 };
struct TlsSettings {
  TlsVersion min = TlsVersion::kTls13;
  TlsVersion max = TlsVersion::kTls13;
  std::vector<std::string> cipher_suites;  // OpenSSL's names, of TLS 1.2; empty: the usual ones
  std::vector<std::string> curves;         // OpenSSL's names; empty: the usual ones
};

struct SuperpodSettings {
  bool on = false;  // a box is behind: report memory units in place of requests
  ByteSize memory_unit{std::uint64_t{200} << 20};
  BoxAdminAddress box_admin;
  std::uint32_t queue_bound = 2000;  // requests in this pod at once, where containerConcurrency is 0
};

struct QueueProxyConfig {
  std::uint32_t container_concurrency = 0;  // 0: no limit
  RevisionIdentity revision;
  Addresses addresses;
  Files files;
  TimeoutSettings timeouts;
  TlsSettings tls;
  std::vector<ReadinessProbe> readiness;  // none: always ready
  Duration drain_quiet = std::chrono::seconds(30);
  Observability observability;
  LogLevel log_level = LogLevel::kInfo;
  Belief proxy_request_from{Belief::Kind::kLearned, {}};
  Belief kubelet_probe_from{Belief::Kind::kNobody, {}};
  SuperpodSettings superpod;
  // What was asked for and is not done, for the log.
  std::vector<std::string> warnings;
};

// The value of a variable; nothing where it is not set.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;

// Reads the annotations too, if there are any: `annotations` is the text of the file, or nothing without one. Variables
// that are unknown are not looked at, missing ones have their default, and so do empty ones. All that is wrong is told
// at once, one line each: name, value and mend (kInvalid).
Result<QueueProxyConfig> readConfig(const Environment& environment, const std::optional<std::string>& annotations);

// Where the annotations are, which has to be known before they can be read.
std::string annotationsFile(const Environment& environment);

}  // namespace wasabi::queueproxy
