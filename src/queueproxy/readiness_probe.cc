#include "queueproxy/readiness_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "http/message.h"

namespace wasabi::queueproxy {
namespace {

using nlohmann::json;

constexpr std::int64_t kMostSeconds = 24 * 3600;
constexpr std::int64_t kMostSuccesses = 1000;
constexpr std::size_t kMostTargetBytes = 8 * 1024;

tl::unexpected<Error> wrong(std::string_view what) {
  return fail(ErrorCode::kInvalid, fmt::format("{}; write a corev1.Probe as JSON, or an array of them", what));
}

// A member that may be missing, or null.
const json* memberOf(const json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

Result<std::string> textOf(const json& object, const char* name, std::string usual) {
  const json* member = memberOf(object, name);
  if (member == nullptr) return usual;
  if (!member->is_string()) return wrong(fmt::format("{} is no string", name));
  return member->get<std::string>();
}

// Where it is missing, 0.
Result<std::int64_t> numberOf(const json& object, const char* name, std::int64_t most) {
  const json* member = memberOf(object, name);
  if (member == nullptr) return 0;
  if (!member->is_number_integer()) return wrong(fmt::format("{} is no whole number", name));
  const auto value = member->get<std::int64_t>();
  if (value < 0 || value > most) return wrong(fmt::format("{} is not between 0 and {}", name, most));
  return value;
}

// A number, digits in a string, or the name of a port of the container: that one is the user port.
Result<std::uint16_t> portOf(const json& object, std::uint16_t user_port) {
  const json* member = memberOf(object, "port");
  if (member == nullptr) return user_port;
  if (member->is_string()) {
    const auto number = parseDecimal<std::uint16_t>(member->get_ref<const std::string&>());
    return number && *number != 0 ? *number : user_port;
  }
  if (!member->is_number_integer()) return wrong("port is neither a number nor a name");
  const auto number = member->get<std::int64_t>();
  if (number < 0 || number > 65'535) return wrong("port is not between 0 and 65535");
  return number == 0 ? user_port : static_cast<std::uint16_t>(number);
}

Result<void> readHeaders(const json& action, ReadinessProbe& probe) {
  const json* headers = memberOf(action, "httpHeaders");
  if (headers == nullptr) return {};
  if (!headers->is_array() || headers->size() > kMostProbeHeaders) {
    return wrong(fmt::format("httpHeaders is no array of at most {}", kMostProbeHeaders));
  }
  for (const json& header : *headers) {
    if (!header.is_object()) return wrong("httpHeaders holds something that is no object");
    auto name = textOf(header, "name", "");
    auto value = textOf(header, "value", "");
    if (!name) return fail(std::move(name.error()));
    if (!value) return fail(std::move(value.error()));
    if (!http::isToken(*name) || !http::isFieldValue(*value)) return wrong("httpHeaders holds no valid header field");
    probe.headers.emplace_back(std::move(*name), std::move(*value));
  }
  return {};
}

bool isTarget(std::string_view path) {
  return path.size() <= kMostTargetBytes &&
         std::all_of(path.begin(), path.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

Result<void> readHttpGet(const json& action, std::uint16_t user_port, ReadinessProbe& probe) {
  probe.kind = ReadinessProbe::Kind::kHttpGet;
  auto path = textOf(action, "path", "/");
  auto scheme = textOf(action, "scheme", "HTTP");
  auto port = portOf(action, user_port);
  if (!path) return fail(std::move(path.error()));
  if (!scheme) return fail(std::move(scheme.error()));
  if (!port) return fail(std::move(port.error()));
  const std::string lower = lowerCase(*scheme);
  if (!lower.empty() && lower != "http" && lower != "https") return wrong("scheme is neither HTTP nor HTTPS");
  probe.https = lower == "https";
  probe.port = *port;
  probe.path = path->starts_with('/') ? std::move(*path) : "/" + *path;
  if (!isTarget(probe.path)) return wrong("path is no path of a URL");
  return readHeaders(action, probe);
}

// A probe without any action is one of the port, as with Knative.
Result<void> readAction(const json& object, std::uint16_t user_port, ReadinessProbe& probe) {
  for (const char* name : {"httpGet", "tcpSocket", "grpc", "exec"}) {
    const json* action = memberOf(object, name);
    if (action != nullptr && !action->is_object()) return wrong(fmt::format("{} is no object", name));
  }
  if (const json* get = memberOf(object, "httpGet")) return readHttpGet(*get, user_port, probe);
  probe.port = user_port;
  const json* tcp = memberOf(object, "tcpSocket");
  const json* grpc = memberOf(object, "grpc");
  if (const json* action = tcp != nullptr ? tcp : grpc) {
    const auto port = portOf(*action, user_port);
    if (!port) return fail(port.error());
    probe.port = *port;
  }
  if (tcp != nullptr || grpc == nullptr) return {};
  probe.kind = ReadinessProbe::Kind::kGrpc;
  auto service = textOf(*grpc, "service", "");
  if (!service) return fail(std::move(service.error()));
  probe.grpc_service = std::move(*service);
  return {};
}

Result<ReadinessProbe> probeOf(const json& object, std::uint16_t user_port) {
  if (!object.is_object()) return wrong("it is no object");
  ReadinessProbe probe;
  if (auto read = readAction(object, user_port, probe); !read) return fail(std::move(read.error()));
  const auto period = numberOf(object, "periodSeconds", kMostSeconds);
  const auto timeout = numberOf(object, "timeoutSeconds", kMostSeconds);
  const auto successes = numberOf(object, "successThreshold", kMostSuccesses);
  for (const auto* number : {&period, &timeout, &successes}) {
    if (!*number) return fail(number->error());
  }
  probe.period = std::chrono::seconds(*period);
  probe.timeout = std::chrono::seconds(std::max<std::int64_t>(1, *timeout));
  probe.success_threshold = static_cast<std::uint32_t>(std::max<std::int64_t>(1, *successes));
  return probe;
}

// Deeper than any probe goes: a text of brackets only must not take the stack.
constexpr int kMostDepth = 16;

}  // namespace

Result<std::vector<ReadinessProbe>> parseReadinessProbes(std::string_view text, std::uint16_t user_port) {
  if (text.size() > kMostProbeBytes) return wrong(fmt::format("it is longer than {} bytes", kMostProbeBytes));
  const auto shallow = [](int depth, json::parse_event_t, json&) { return depth < kMostDepth; };
  const json parsed = json::parse(text, shallow, false);
  if (parsed.is_discarded()) return wrong("it is no JSON");
  std::vector<ReadinessProbe> probes;
  if (parsed.is_null()) return probes;
  const json all = parsed.is_array() ? parsed : json::array({parsed});
  if (all.size() > kMostProbes) return wrong(fmt::format("it holds more than {} probes", kMostProbes));
  for (const json& one : all) {
    if (one.is_null()) continue;
    auto probe = probeOf(one, user_port);
    if (!probe) return fail(std::move(probe.error()));
    probes.push_back(std::move(*probe));
  }
  return probes;
}

}  // namespace wasabi::queueproxy
