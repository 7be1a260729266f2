#include "oci/image_config.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/text.h"
#include "oci/image_layout.h"
#include "oci/json_document.h"
#include "oci/media_type.h"

namespace wasabi::oci {
namespace {

bool hasNul(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

Result<std::string> plainString(const Json& object, const char* name) {
  auto text = stringMember(object, name);
  if (text && hasNul(*text)) return fail(ErrorCode::kInvalid, fmt::format("'{}' has a NUL byte", name));
  return text;
}

Result<void> checkCount(std::size_t count, const char* name) {
  if (count <= kMaxConfigEntries) return {};
  return fail(ErrorCode::kInvalid, fmt::format("'{}' has {} entries of at most {}", name, count, kMaxConfigEntries));
}

Result<std::vector<std::string>> stringList(const Json& object, const char* name) {
  std::vector<std::string> strings;
  const Json& list = member(object, name);
  if (list.is_null()) return strings;
  if (!list.is_array()) return fail(ErrorCode::kInvalid, fmt::format("'{}' is no list", name));
  if (auto checked = checkCount(list.size(), name); !checked) return fail(std::move(checked).error());
  for (const Json& entry : list) {
    const auto* text = entry.get_ptr<const std::string*>();
    if (text == nullptr || hasNul(*text)) {
      return fail(ErrorCode::kInvalid, fmt::format("'{}' has an entry that is no string without NUL bytes", name));
    }
    strings.push_back(*text);
  }
  return strings;
}

Result<ExposedPort> parsePort(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto port = parseDecimal<std::uint16_t>(text.substr(0, slash));
  const std::string_view protocol = slash == std::string_view::npos ? "tcp" : text.substr(slash + 1);
  if (port && *port > 0) {
    if (protocol == "tcp") return ExposedPort{*port, PortProtocol::kTcp};
    if (protocol == "udp") return ExposedPort{*port, PortProtocol::kUdp};
    if (protocol == "sctp") return ExposedPort{*port, PortProtocol::kSctp};
  }
  return fail(ErrorCode::kInvalid, "'ExposedPorts' has an entry that is not like \"8080/tcp\"");
}

Result<std::vector<ExposedPort>> parsePorts(const Json& object) {
  std::vector<ExposedPort> ports;
  const Json& set = member(object, "ExposedPorts");
  if (set.is_null()) return ports;
  if (!set.is_object()) return fail(ErrorCode::kInvalid, "'ExposedPorts' is no object");
  if (auto checked = checkCount(set.size(), "ExposedPorts"); !checked) return fail(std::move(checked).error());
  for (const auto& [name, ignored] : set.items()) {
    auto port = parsePort(name);
    if (!port) return fail(std::move(port).error());
    ports.push_back(*port);
  }
  return ports;
}

Result<void> readLabels(const Json& object, ImageConfig& config) {
  const Json& labels = member(object, "Labels");
  if (labels.is_null()) return {};
  if (!labels.is_object()) return fail(ErrorCode::kInvalid, "'Labels' is no object");
  if (auto checked = checkCount(labels.size(), "Labels"); !checked) return checked;
  for (const auto& [name, value] : labels.items()) {
    const auto* text = value.get_ptr<const std::string*>();
    if (text == nullptr) return fail(ErrorCode::kInvalid, "'Labels' has a value that is no string");
    config.labels.emplace(name, *text);
  }
  return {};
}

Result<void> checkEnvironment(const std::vector<std::string>& env) {
  for (const std::string& entry : env) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(ErrorCode::kInvalid, "'Env' has an entry that is not NAME=value");
    }
  }
  return {};
}

Result<void> readProcess(const Json& object, ImageConfig& config) {
  struct List {
    const char* name;
    std::vector<std::string>& to;
  };
  for (const List& list : {List{"Entrypoint", config.entrypoint}, List{"Cmd", config.cmd}, List{"Env", config.env}}) {
    auto strings = stringList(object, list.name);
    if (!strings) return fail(std::move(strings).error());
    list.to = *std::move(strings);
  }
  if (auto checked = checkEnvironment(config.env); !checked) return checked;
  struct Text {
    const char* name;
    std::string& to;
  };
  for (const Text& text :
       {Text{"WorkingDir", config.working_dir}, Text{"User", config.user}, Text{"StopSignal", config.stop_signal}}) {
    auto string = plainString(object, text.name);
    if (!string) return fail(std::move(string).error());
    text.to = *std::move(string);
  }
  auto ports = parsePorts(object);
  if (!ports) return fail(std::move(ports).error());
  config.exposed_ports = *std::move(ports);
  return readLabels(object, config);
}

Result<void> readPlatform(const Json& json, ImageConfig& config) {
  auto os = plainString(json, "os");
  auto architecture = plainString(json, "architecture");
  auto variant = plainString(json, "variant");
  if (!os) return fail(std::move(os).error());
  if (!architecture) return fail(std::move(architecture).error());
  if (!variant) return fail(std::move(variant).error());
  config.platform = {*std::move(os), *std::move(architecture), *std::move(variant)};
  return {};
}

Result<void> readDiffIds(const Json& json, ImageConfig& config) {
  auto texts = stringList(member(json, "rootfs"), "diff_ids");
  if (!texts) return fail(std::move(texts).error());
  for (const std::string& text : *texts) {
    auto digest = parseDigest(text);
    if (!digest) return fail(std::move(digest).error().within("diff_ids"));
    config.diff_ids.push_back(*digest);
  }
  return {};
}

}  // namespace

std::vector<std::string> ImageConfig::command() const {
  std::vector<std::string> whole = entrypoint;
  whole.insert(whole.end(), cmd.begin(), cmd.end());
  return whole;
}

Result<ImageConfig> parseImageConfig(std::string_view text) {
  if (text.size() > kMaxDocumentBytes.value) {
    return fail(ErrorCode::kInvalid,
                fmt::format("an image config of {} bytes; at most {}", text.size(), toString(kMaxDocumentBytes)));
  }
  auto json = parseJsonObject(text, "the image's config");
  if (!json) return fail(std::move(json).error());
  ImageConfig config;
  auto read = readPlatform(*json, config);
  if (read) read = readProcess(member(*json, "config"), config);
  if (read) read = readDiffIds(*json, config);
  if (!read) return fail(std::move(read).error().within("the image's config"));
  return config;
}

Result<void> checkPlatform(const ImageConfig& config, const Platform& wanted) {
  if (config.platform.os == wanted.os && config.platform.architecture == wanted.architecture) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("the image is for {}, this machine is {}", toString(config.platform), toString(wanted)));
}

Result<ImageConfig> readImageConfig(const ImageLayout& layout, const Manifest& manifest, const Platform& wanted) {
  const std::string& type = manifest.config.media_type;
  if (type != kOciImageConfig && type != kDockerImageConfig) {
    return fail(ErrorCode::kInvalid,
                fmt::format("an artifact with a config of type '{}', not a container's image", type));
  }
  auto text = layout.readDocument(manifest.config);
  if (!text) return fail(std::move(text).error());
  auto config = parseImageConfig(*text);
  if (!config) return config;
  if (auto checked = checkPlatform(*config, wanted); !checked) return fail(std::move(checked).error());
  return config;
}

Digest chainId(const std::vector<Digest>& diff_ids) {
  WASABI_CHECK(!diff_ids.empty());
  Digest chain = diff_ids.front();
  for (std::size_t i = 1; i < diff_ids.size(); ++i) chain = digestOf(toString(chain) + ' ' + toString(diff_ids[i]));
  return chain;
}

}  // namespace wasabi::oci
