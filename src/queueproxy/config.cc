#include "queueproxy/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "queueproxy/config_variables.h"
#include "queueproxy/pod_annotations.h"

namespace wasabi::queueproxy {
namespace {

constexpr std::string_view kAnnotationsFileVariable = "WASABI_QP_ANNOTATIONS_FILE";
constexpr std::size_t kMostShown = 100;

// Values may be long, and stand on one line of the log.
std::string shown(std::string_view value) {
  std::string text;
  appendJsonString(text, value.substr(0, kMostShown));
  return value.size() > kMostShown ? text + "..." : text;
}

// Reads values one after another; what is wrong with them is gathered.
class Reading {
 public:
  void take(const ConfigVariable& variable, std::string_view name, const std::string& value) {
    const auto read = variable.read(value, config);
    if (!read) complain(fmt::format("{}={}: {}", name, shown(value), read.error().message()));
  }
  void complain(std::string_view problem) {
    if (!problems_.empty()) problems_ += '\n';
    problems_ += problem;
  }
  Result<QueueProxyConfig> result() && {
    if (!problems_.empty()) return fail(ErrorCode::kInvalid, std::move(problems_));
    return std::move(config);
  }

  QueueProxyConfig config;

 private:
  std::string problems_;
};

using Annotations = std::map<std::string, std::string>;

Annotations ownAnnotations(const std::optional<std::string>& text, Reading& reading) {
  if (!text) return {};
  if (text->size() > kMostAnnotationBytes) {
    reading.complain(fmt::format("annotations: the file is larger than {} bytes", kMostAnnotationBytes));
    return {};
  }
  auto found = parsePodAnnotations(*text, kAnnotationDomain);
  if (found) return std::move(*found);
  reading.complain(found.error().message());
  return {};
}

void warnOfUnknown(const Annotations& annotations, std::vector<std::string>& warnings) {
  const auto& all = configVariables();
  for (const auto& [name, value] : annotations) {
    const bool known =
        std::any_of(all.begin(), all.end(), [&](const ConfigVariable& one) { return one.annotation == name; });
    if (!known) warnings.push_back(fmt::format("annotation {} has no effect: there is none of that name", name));
  }
}

void checkTogether(Reading& reading) {
  const TlsSettings& tls = reading.config.tls;
  if (tls.min > tls.max) {
    reading.complain(
        "QUEUE_PROXY_TLS_MIN_VERSION is above QUEUE_PROXY_TLS_MAX_VERSION: write them the other way round");
  }
  Observability& told = reading.config.observability;
  if (told.request_log && told.request_log_template.empty()) {
    reading.config.warnings.emplace_back("the request log is on, but has no template: nothing is logged");
    told.request_log = false;
  }
}

}  // namespace

Result<QueueProxyConfig> readConfig(const Environment& environment, const std::optional<std::string>& annotations) {
  Reading reading;
  const Annotations own = ownAnnotations(annotations, reading);
  for (const ConfigVariable& variable : configVariables()) {
    const auto annotation = variable.annotation.empty() ? own.end() : own.find(std::string(variable.annotation));
    if (annotation != own.end()) {
      reading.take(variable, variable.annotation, annotation->second);
    } else if (const auto value = environment(variable.name); value && !value->empty()) {
      reading.take(variable, variable.name, *value);
    }
  }
  warnOfUnknown(own, reading.config.warnings);
  checkTogether(reading);
  return std::move(reading).result();
}

std::string annotationsFile(const Environment& environment) {
  auto named = environment(kAnnotationsFileVariable);
  return named && !named->empty() ? std::move(*named) : Files().annotations;
}

}  // namespace wasabi::queueproxy
