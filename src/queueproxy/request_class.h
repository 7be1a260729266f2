// What a request is: a probe that is answered here, or load for the application.
//
//   User-Agent                       K-Network-Probe   kind
//   kube-probe/..., activator's or   `queue`           kReadiness: is the application ready?
//   autoscaler's                     another, or none  kReadiness, answered by 400
//   any other                        `probe`           kPathProbe: does the network lead here?
//   any other                        anything else     kProxied or kOrdinary
//
// K-Kubelet-Probe and K-Proxy-Request are looked at only in requests that are no probe, and only from peers who are
// believed (peer_trust.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace wasabi::queueproxy {

inline constexpr std::string_view kProbeField = "k-network-probe";
inline constexpr std::string_view kProbeHashField = "k-network-hash";
inline constexpr std::string_view kKubeletProbeField = "k-kubelet-probe";
inline constexpr std::string_view kProxyRequestField = "k-proxy-request";
inline constexpr std::string_view kOriginalHostField = "k-original-host";

enum class RequestKind : std::uint8_t {
  kReadiness,      // answered here, by the readiness of the application
  kPathProbe,      // answered here
  kKubeletPasses,  // a probe of the application itself: to the application, neither counted nor kept waiting
  kProxied,        // load that the activator counts, too
  kOrdinary,       // load
};

// Answered here; no load, does not delay a drain, in no metrics or traces, in the request log only where that was asked
// for.
constexpr bool isAnsweredHere(RequestKind kind) {
  return kind == RequestKind::kReadiness || kind == RequestKind::kPathProbe;
}
// Counted in the statistics, and by the breaker.
constexpr bool isLoad(RequestKind kind) {
  return kind == RequestKind::kProxied || kind == RequestKind::kOrdinary;
}

// What the header says, before anybody is asked whether to believe it.
struct RequestClaims {
  bool readiness = false;
  bool path_probe = false;
  bool kubelet_probe = false;  // K-Kubelet-Probe is there
  bool proxied = false;        // K-Proxy-Request: activator
};
RequestClaims claimsOf(const http::Fields& headers);

// Which of the claims that need belief have it.
struct BelievedClaims {
  bool kubelet_probe = false;
  bool proxied = false;
};
RequestKind kindOf(const RequestClaims& claims, BelievedClaims believed);

// What a probe is answered.
struct ProbeAnswer {
  std::uint16_t status = 200;
  std::string body;
  http::Fields headers;
};

// Of a request that isAnsweredHere(). Nothing: the application has to be asked, then readinessAnswer().
std::optional<ProbeAnswer> immediateAnswer(RequestKind kind, const http::Fields& headers, bool draining);
ProbeAnswer readinessAnswer(bool application_is_ready);

}  // namespace wasabi::queueproxy
