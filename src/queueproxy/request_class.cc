#include "queueproxy/request_class.h"

#include <algorithm>
#include <array>
#include <utility>

namespace wasabi::queueproxy {
namespace {

constexpr std::array<std::string_view, 3> kProbers = {"kube-probe/", "Knative-Activator-Probe",
                                                      "Knative-Autoscaling-Probe"};
// What the pod's own queue-proxy is asked as, and answers.
constexpr std::string_view kQueue = "queue";
constexpr std::string_view kPathProbe = "probe";
constexpr std::string_view kActivator = "activator";
constexpr std::size_t kMostEchoed = 1024;

std::string_view valueOf(const http::Fields& headers, std::string_view name) {
  return headers.find(name).value_or(std::string_view());
}

// As Go's http.Error writes it.
ProbeAnswer errorAnswer(std::uint16_t status, std::string text) {
  ProbeAnswer answer{status, std::move(text) + "\n", {}};
  answer.headers.add("content-type", "text/plain; charset=utf-8");
  answer.headers.add("x-content-type-options", "nosniff");
  return answer;
}

ProbeAnswer pathProbeAnswer(const http::Fields& headers) {
  const std::string_view hash = valueOf(headers, kProbeHashField);
  if (hash.empty()) return errorAnswer(400, R"(a probe request must contain a non-empty "K-Network-Hash" header)");
  ProbeAnswer answer;
  answer.headers.add(kProbeHashField, hash);
  return answer;
}

}  // namespace

RequestClaims claimsOf(const http::Fields& headers) {
  const std::string_view agent = valueOf(headers, "user-agent");
  RequestClaims claims;
  claims.readiness =
      std::any_of(kProbers.begin(), kProbers.end(), [&](std::string_view prober) { return agent.starts_with(prober); });
  claims.path_probe = valueOf(headers, kProbeField) == kPathProbe;
  claims.kubelet_probe = !valueOf(headers, kKubeletProbeField).empty();
  claims.proxied = valueOf(headers, kProxyRequestField) == kActivator;
  return claims;
}

RequestKind kindOf(const RequestClaims& claims, BelievedClaims believed) {
  if (claims.readiness) return RequestKind::kReadiness;
  if (claims.path_probe) return RequestKind::kPathProbe;
  if (claims.kubelet_probe && believed.kubelet_probe) return RequestKind::kKubeletPasses;
  return claims.proxied && believed.proxied ? RequestKind::kProxied : RequestKind::kOrdinary;
}

std::optional<ProbeAnswer> immediateAnswer(RequestKind kind, const http::Fields& headers, bool draining) {
  if (draining) return errorAnswer(503, "shutting down");
  if (kind == RequestKind::kPathProbe) return pathProbeAnswer(headers);
  const std::string_view value = valueOf(headers, kProbeField);
  if (value == kQueue) return std::nullopt;
  return errorAnswer(400, "unexpected probe header value: " + std::string(value.substr(0, kMostEchoed)));
}

ProbeAnswer readinessAnswer(bool application_is_ready) {
  if (!application_is_ready) return {503, "", {}};
  ProbeAnswer answer{200, std::string(kQueue), {}};
  answer.headers.add("content-type", "text/plain; charset=utf-8");
  return answer;
}

}  // namespace wasabi::queueproxy
