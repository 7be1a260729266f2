#include "queueproxy/config_variables.h"

#include "queueproxy/observability.h"
#include "queueproxy/readiness_probe.h"
#include "queueproxy/tls_names.h"
#include "queueproxy/variable_kinds.h"

namespace wasabi::queueproxy {
namespace {

using namespace kinds;

constexpr std::size_t kMostName = 253;  // of anything in Kubernetes
constexpr std::size_t kMostPath = 4095;
constexpr std::uint64_t kMostSeconds = 365 * 24 * 3600;
constexpr std::uint64_t kMostConcurrency = 1'000'000;
constexpr std::uint64_t kMostPort = 65'535;

// The place of a setting, as the kinds ask for it.
#define WASABI_AT(member) [](auto& config) -> auto& { return config.member; }

void addRevision(std::vector<ConfigVariable>& all) {
  all.push_back(text({"SERVING_NAMESPACE"}, kMostName, WASABI_AT(revision.namespace_name)));
  all.push_back(text({"SERVING_SERVICE"}, kMostName, WASABI_AT(revision.service)));
  all.push_back(text({"SERVING_CONFIGURATION"}, kMostName, WASABI_AT(revision.configuration)));
  all.push_back(text({"SERVING_REVISION"}, kMostName, WASABI_AT(revision.revision)));
  all.push_back(text({"SERVING_POD"}, kMostName, WASABI_AT(revision.pod)));
  all.push_back(text({"SERVING_POD_IP"}, kMostName, WASABI_AT(revision.pod_ip)));
}

void addPlaces(std::vector<ConfigVariable>& all) {
  all.push_back(whole({"QUEUE_SERVING_PORT"}, "port", 0, kMostPort, WASABI_AT(addresses.serving_port)));
  all.push_back(whole({"QUEUE_SERVING_TLS_PORT"}, "port", 0, kMostPort, WASABI_AT(addresses.serving_tls_port)));
  all.push_back(whole({"USER_PORT"}, "port", 1, kMostPort, WASABI_AT(addresses.user_port)));
  all.push_back(whole({"WASABI_QP_ADMIN_PORT"}, "port", 0, kMostPort, WASABI_AT(addresses.admin_port)));
  all.push_back(whole({"WASABI_QP_AUTOSCALER_PORT"}, "port", 0, kMostPort, WASABI_AT(addresses.autoscaler_port)));
  all.push_back(whole({"WASABI_QP_USER_METRICS_PORT"}, "port", 0, kMostPort, WASABI_AT(addresses.user_metrics_port)));
  all.push_back(text({"WASABI_QP_BIND_ADDRESS"}, kMostName, WASABI_AT(addresses.bind_address)));
  all.push_back(text({"WASABI_QP_CERTIFICATE_FILE"}, kMostPath, WASABI_AT(files.certificate)));
  all.push_back(text({"WASABI_QP_KEY_FILE"}, kMostPath, WASABI_AT(files.key)));
  all.push_back(text({"WASABI_QP_ANNOTATIONS_FILE"}, kMostPath, WASABI_AT(files.annotations)));
}

void addServing(std::vector<ConfigVariable>& all) {
  all.push_back(whole({"CONTAINER_CONCURRENCY"}, "count", 0, kMostConcurrency, WASABI_AT(container_concurrency)));
  all.push_back(seconds({"REVISION_TIMEOUT_SECONDS"}, kMostSeconds, WASABI_AT(timeouts.overall)));
  all.push_back(seconds({"REVISION_RESPONSE_START_TIMEOUT_SECONDS"}, kMostSeconds, WASABI_AT(timeouts.response_start)));
  all.push_back(seconds({"REVISION_IDLE_TIMEOUT_SECONDS"}, kMostSeconds, WASABI_AT(timeouts.idle)));
  // After USER_PORT, which probes without a port of their own are for.
  all.push_back(other({"SERVING_READINESS_PROBE"}, "JSON", "", "",
                      [](const std::string& value, QueueProxyConfig& config) -> Result<void> {
                        auto probes = parseReadinessProbes(value, config.addresses.user_port);
                        if (!probes) return fail(std::move(probes.error()));
                        config.readiness = std::move(*probes);
                        return {};
                      }));
  all.push_back(duration({"WASABI_QP_DRAIN_QUIET", "wasabi.dev/drain-quiet"}, Duration::zero(),
                         std::chrono::minutes(10), WASABI_AT(drain_quiet)));
}

ConfigVariable tlsVersion(Names names, TlsVersion TlsSettings::* member) {
  return other(names, "choice", "1.3", "1.2, 1.3",
               [member](const std::string& value, QueueProxyConfig& config) -> Result<void> {
                 const auto version = parseTlsVersion(value);
                 if (!version) return fail(ErrorCode::kInvalid, "write 1.2 or 1.3");
                 config.tls.*member = *version;
                 return {};
               });
}

ConfigVariable tlsNames(Names names, std::string range, TlsName (*look_up)(std::string_view),
                        std::vector<std::string> TlsSettings::* member) {
  return other(names, "names", "", std::move(range),
               [look_up, member, variable = names.variable](const std::string& value, QueueProxyConfig& config) {
                 return readTlsNames(value, variable, look_up, config.tls.*member, config.warnings);
               });
}

void addTls(std::vector<ConfigVariable>& all) {
  all.push_back(tlsVersion({"QUEUE_PROXY_TLS_MIN_VERSION"}, &TlsSettings::min));
  all.push_back(tlsVersion({"QUEUE_PROXY_TLS_MAX_VERSION"}, &TlsSettings::max));
  all.push_back(
      tlsNames({"QUEUE_PROXY_TLS_CIPHER_SUITES"}, "as Go names them", cipherSuiteOf, &TlsSettings::cipher_suites));
  all.push_back(tlsNames({"QUEUE_PROXY_TLS_CURVE_PREFERENCES"}, "as Go names them", curveOf, &TlsSettings::curves));
}

std::optional<LogLevel> logLevelOf(std::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warn") return LogLevel::kWarn;
  for (const std::string_view severe : {"error", "dpanic", "panic", "fatal"}) {
    if (name == severe) return LogLevel::kError;
  }
  return std::nullopt;
}

Result<void> warn(QueueProxyConfig& config, std::string text) {
  config.warnings.push_back(std::move(text));
  return {};
}

// Those that came before OBSERVABILITY_CONFIG, and give way to it.
void addOlderObservability(std::vector<ConfigVariable>& all) {
  all.push_back(flag({"SERVING_ENABLE_REQUEST_LOG"}, WASABI_AT(observability.request_log)));
  all.push_back(flag({"SERVING_ENABLE_PROBE_REQUEST_LOG"}, WASABI_AT(observability.probe_request_log)));
  all.push_back(
      text({"SERVING_REQUEST_LOG_TEMPLATE"}, kMostObservabilityBytes, WASABI_AT(observability.request_log_template)));
  all.push_back(other({"SERVING_REQUEST_METRICS_BACKEND"}, "choice", "none", "none, prometheus",
                      [](const std::string& value, QueueProxyConfig& config) -> Result<void> {
                        if (value == "prometheus") {
                          config.observability.request_metrics.protocol = ExportProtocol::kPrometheus;
                        } else if (value != "none") {
                          return warn(config, fmt::format("SERVING_REQUEST_METRICS_BACKEND=\"{}\": request metrics are "
                                                          "served to prometheus only; none are",
                                                          value));
                        }
                        return {};
                      }));
  all.push_back(other({"TRACING_CONFIG_BACKEND"}, "choice", "none", "none",
                      [](const std::string& value, QueueProxyConfig& config) -> Result<void> {
                        if (value == "none") return {};
                        return warn(config,
                                    fmt::format("TRACING_CONFIG_BACKEND=\"{}\": spans are exported by OTLP only "
                                                "(OBSERVABILITY_CONFIG); none are",
                                                value));
                      }));
  all.push_back(other({"ENABLE_PROFILING"}, "flag", "false", "",
                      [](const std::string& value, QueueProxyConfig& config) -> Result<void> {
                        const auto on = parseFlag(value);
                        if (!on) return fail(ErrorCode::kInvalid, "write true or false");
                        return *on ? warn(config, "ENABLE_PROFILING: there is no Go profile to serve") : Result<void>();
                      }));
}

void addObservability(std::vector<ConfigVariable>& all) {
  all.push_back(other({"SERVING_LOGGING_LEVEL"}, "choice", "info", "debug, info, warn, error, dpanic, panic, fatal",
                      [](const std::string& value, QueueProxyConfig& config) -> Result<void> {
                        const auto level = logLevelOf(value);
                        if (!level) return fail(ErrorCode::kInvalid, "write debug, info, warn or error");
                        config.log_level = *level;
                        return {};
                      }));
  addOlderObservability(all);
  all.push_back(other({"OBSERVABILITY_CONFIG"}, "JSON", "", "", [](const std::string& value, QueueProxyConfig& config) {
    return readObservability(value, config.observability, config.warnings);
  }));
}

ConfigVariable belief(Names names, bool may_learn, Belief QueueProxyConfig::* member) {
  return other(names, "peers", toString(QueueProxyConfig{}.*member),
               may_learn ? "none, any, learned, address ranges" : "none, any, address ranges",
               [may_learn, member](const std::string& value, QueueProxyConfig& config) -> Result<void> {
                 auto parsed = parseBelief(value, may_learn);
                 if (!parsed) return fail(std::move(parsed.error()));
                 config.*member = std::move(*parsed);
                 return {};
               });
}

// Whoever reaches the admin listener controls the box.
Result<void> readBoxAdmin(const std::string& value, QueueProxyConfig& config) {
  auto address = parseBoxAdminAddress(value);
  if (!address) return fail(ErrorCode::kInvalid, "write \"127.0.0.1:8081\", with the box's port, or \"unix:/path\"");
  config.superpod.box_admin = *std::move(address);
  return {};
}

void addOwn(std::vector<ConfigVariable>& all) {
  using namespace literals;
  const SuperpodSettings usual;
  all.push_back(belief({"WASABI_QP_PROXY_REQUEST_FROM", "wasabi.dev/proxy-request-from"}, true,
                       &QueueProxyConfig::proxy_request_from));
  all.push_back(belief({"WASABI_QP_KUBELET_PROBE_FROM", "wasabi.dev/kubelet-probe-from"}, false,
                       &QueueProxyConfig::kubelet_probe_from));
  all.push_back(flag({"WASABI_QP_SUPERPOD", "wasabi.dev/superpod"}, WASABI_AT(superpod.on)));
  all.push_back(
      size({"WASABI_QP_MEMORY_UNIT", "wasabi.dev/memory-unit"}, 1_MiB, 1024_GiB, WASABI_AT(superpod.memory_unit)));
  all.push_back(other({"WASABI_QP_BOX_ADMIN", "wasabi.dev/box-admin"}, "address", toString(usual.box_admin),
                      "a port of 127.0.0.1, `unix:/path`", readBoxAdmin));
  all.push_back(whole({"WASABI_QP_QUEUE_BOUND", "wasabi.dev/queue-bound"}, "count", 1, kMostConcurrency,
                      WASABI_AT(superpod.queue_bound)));
}

#undef WASABI_AT

}  // namespace

const std::vector<ConfigVariable>& configVariables() {
  static const std::vector<ConfigVariable> kAll = [] {
    std::vector<ConfigVariable> all;
    addRevision(all);
    addPlaces(all);
    addServing(all);
    addTls(all);
    addObservability(all);
    addOwn(all);
    return all;
  }();
  return kAll;
}

const std::vector<std::string_view>& ignoredVariables() {
  static const std::vector<std::string_view> kAll = {
      "ENABLE_HTTP2_AUTO_DETECTION",
      "ENABLE_HTTP_FULL_DUPLEX",
      "ENABLE_MULTI_CONTAINER_PROBES",
      "SERVING_LOGGING_CONFIG",
      "SYSTEM_NAMESPACE",
      "HOST_IP",
      "ROOT_CA",
      "SERVING_REQUEST_METRICS_REPORTING_PERIOD_SECONDS",
      "METRICS_COLLECTOR_ADDRESS",
      "TRACING_CONFIG_ZIPKIN_ENDPOINT",
      "TRACING_CONFIG_DEBUG",
      "TRACING_CONFIG_SAMPLE_RATE",
  };
  return kAll;
}

}  // namespace wasabi::queueproxy
