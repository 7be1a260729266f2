#include "queueproxy/observability.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

namespace wasabi::queueproxy {
namespace {

using nlohmann::json;

constexpr int kMostDepth = 16;
constexpr Duration kLeastInterval = std::chrono::seconds(1);
constexpr Duration kMostInterval = std::chrono::hours(1);

tl::unexpected<Error> wrong(std::string_view what) {
  return fail(ErrorCode::kInvalid, fmt::format("{}; it is JSON as Knative's controller writes it", what));
}

std::optional<ExportProtocol> protocolOf(std::string_view name) {
  if (name.empty() || name == "none") return ExportProtocol::kNone;
  if (name == "grpc") return ExportProtocol::kGrpc;
  if (name == "http/protobuf") return ExportProtocol::kHttpProtobuf;
  if (name == "prometheus") return ExportProtocol::kPrometheus;
  return std::nullopt;
}

// One object of the configuration. Reads members that may be missing; the first that is wrong is kept.
class Section {
 public:
  Section(const json& parent, const char* name) : name_(name) {
    const auto found = parent.find(name);
    if (found == parent.end() || found->is_null()) return;
    if (found->is_object()) {
      object_ = &*found;
    } else {
      complain("it is no object");
    }
  }
  Section(const json& object) : object_(&object) {}

  const json* member(const char* name) const {
    if (object_ == nullptr) return nullptr;
    const auto found = object_->find(name);
    return found == object_->end() || found->is_null() ? nullptr : &*found;
  }
  void text(const char* name, std::string& out) {
    const json* found = member(name);
    if (found == nullptr) return;
    if (!found->is_string()) return complain(fmt::format("{} is no string", name));
    out = found->get<std::string>();
  }
  void flag(const char* name, bool& out) {
    const json* found = member(name);
    if (found == nullptr) return;
    if (!found->is_boolean()) return complain(fmt::format("{} is neither true nor false", name));
    out = found->get<bool>();
  }
  void complain(std::string_view what) {
    if (problem_.empty()) problem_ = name_.empty() ? std::string(what) : fmt::format("{}: {}", name_, what);
  }
  const std::string& problem() const { return problem_; }

 private:
  std::string name_;
  const json* object_ = nullptr;
  std::string problem_;
};

// Members of both spellings: `samplingRate` is written today, `sampling_rate` may be one day.
const json* eitherOf(const Section& section, const char* one, const char* other) {
  const json* found = section.member(one);
  return found != nullptr ? found : section.member(other);
}

ExportProtocol readProtocol(Section& section) {
  std::string name;
  section.text("protocol", name);
  const auto protocol = protocolOf(name);
  if (!protocol && name != "stdout") section.complain(fmt::format("there is no protocol '{}'", name.substr(0, 64)));
  return protocol.value_or(ExportProtocol::kNone);
}

void readTracing(Section& section, Observability::Tracing& out, std::vector<std::string>& warnings) {
  std::string name;
  section.text("protocol", name);
  out.protocol = readProtocol(section);
  section.text("endpoint", out.endpoint);
  if (const json* rate = eitherOf(section, "samplingRate", "sampling_rate")) {
    const double value = rate->is_number() ? rate->get<double>() : -1;
    if (!(value >= 0 && value <= 1)) section.complain("samplingRate is not between 0 and 1");
    out.sampling_rate = value;
  }
  if (out.protocol == ExportProtocol::kPrometheus) section.complain("protocol: traces do not go to prometheus");
  if (name == "stdout") warnings.emplace_back("tracing to stdout is not done: spans go to http/protobuf only");
  if (out.protocol == ExportProtocol::kGrpc) {
    warnings.emplace_back("tracing by grpc is not done: set tracing-protocol to http/protobuf, and its port");
    out.protocol = ExportProtocol::kNone;
  }
  if (out.protocol != ExportProtocol::kNone && out.endpoint.empty()) section.complain("endpoint is missing");
}

void readRequestMetrics(Section& section, Observability::RequestMetrics& out, std::vector<std::string>& warnings) {
  out.protocol = readProtocol(section);
  section.text("endpoint", out.endpoint);
  if (const json* interval = eitherOf(section, "exportInterval", "export_interval")) {
    const double nanoseconds = interval->is_number() ? interval->get<double>() : -1;
    if (!(nanoseconds >= 0 && nanoseconds <= 1e18)) {
      section.complain("exportInterval is no number of nanoseconds");
    } else if (nanoseconds > 0) {
      const Duration asked = std::chrono::nanoseconds(static_cast<std::int64_t>(nanoseconds));
      out.export_interval = std::min(std::max(asked, kLeastInterval), kMostInterval);
    }
  }
  if (out.protocol == ExportProtocol::kGrpc || out.protocol == ExportProtocol::kHttpProtobuf) {
    warnings.emplace_back("request metrics are served to prometheus only: none are exported");
    out.protocol = ExportProtocol::kNone;
  }
}

}  // namespace

Result<void> readObservability(std::string_view text, Observability& out, std::vector<std::string>& warnings) {
  if (text.size() > kMostObservabilityBytes) {
    return wrong(fmt::format("it is longer than {} bytes", kMostObservabilityBytes));
  }
  const auto shallow = [](int depth, json::parse_event_t, json&) { return depth < kMostDepth; };
  const json parsed = json::parse(text, shallow, false);
  if (!parsed.is_object()) return wrong("it is no JSON object");

  Section top(parsed);
  top.flag("enableRequestLog", out.request_log);
  top.flag("enableProbeRequestLog", out.probe_request_log);
  top.text("requestLogTemplate", out.request_log_template);
  Section tracing(parsed, "tracing");
  readTracing(tracing, out.tracing, warnings);
  Section metrics(parsed, "requestMetrics");
  readRequestMetrics(metrics, out.request_metrics, warnings);
  for (const Section* section : {&top, &tracing, &metrics}) {
    if (!section->problem().empty()) return wrong(section->problem());
  }
  return {};
}

}  // namespace wasabi::queueproxy
