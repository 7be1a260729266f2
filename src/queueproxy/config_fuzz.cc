// Any environment and any annotations are either a configuration whose values keep their ranges, or an error that says
// something. The first line up to a NUL is the environment, a NAME=value for each line; the rest are the annotations.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/check.h"
#include "http/message.h"
#include "queueproxy/config.h"
#include "queueproxy/pod_annotations.h"

namespace {

using namespace wasabi;
using namespace wasabi::queueproxy;
using Variables = std::map<std::string, std::string, std::less<>>;

Variables variablesIn(std::string_view text) {
  Variables variables;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    variables.insert_or_assign(std::string(line.substr(0, equals)), std::string(line.substr(equals + 1)));
  }
  return variables;
}

void checkProbe(const ReadinessProbe& probe) {
  WASABI_CHECK(probe.port != 0 && probe.timeout >= std::chrono::seconds(1) && probe.success_threshold >= 1);
  WASABI_CHECK(probe.period >= Duration::zero() && probe.headers.size() <= kMostProbeHeaders);
  WASABI_CHECK(probe.path.starts_with('/') && probe.path.find_first_of(" \r\n") == std::string::npos);
  for (const auto& [name, value] : probe.headers) {
    WASABI_CHECK(http::isToken(name) && http::isFieldValue(value));
  }
}

void checkConfig(const QueueProxyConfig& config) {
  WASABI_CHECK(config.addresses.user_port != 0 && config.superpod.queue_bound >= 1);
  WASABI_CHECK(config.superpod.memory_unit.value >= 1 << 20);
  WASABI_CHECK(parseBoxAdminAddress(toString(config.superpod.box_admin)) == config.superpod.box_admin);
  WASABI_CHECK(config.timeouts.overall >= Duration::zero() && config.drain_quiet <= std::chrono::minutes(10));
  WASABI_CHECK(config.tls.min <= config.tls.max && config.readiness.size() <= kMostProbes);
  WASABI_CHECK(config.kubelet_probe_from.kind != Belief::Kind::kLearned);
  const Observability& told = config.observability;
  WASABI_CHECK(told.tracing.sampling_rate >= 0 && told.tracing.sampling_rate <= 1);
  WASABI_CHECK(told.request_metrics.export_interval >= std::chrono::seconds(1));
  for (const ReadinessProbe& probe : config.readiness) checkProbe(probe);
  for (const Belief* belief : {&config.proxy_request_from, &config.kubelet_probe_from}) {
    const auto again = parseBelief(toString(*belief), true);
    WASABI_CHECK(again && toString(*again) == toString(*belief));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = text.find('\0');
  const Variables variables = variablesIn(text.substr(0, end));
  std::optional<std::string> annotations;
  if (end != std::string_view::npos) annotations.emplace(text.substr(end + 1));
  const auto config = readConfig(
      [&](std::string_view name) {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
      },
      annotations);
  if (config) {
    checkConfig(*config);
  } else {
    WASABI_CHECK(!config.error().message().empty());
  }
  return 0;
}
