#include "catalog/manifest_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace wasabi::catalog {
namespace {

constexpr std::size_t kMaxCommand = 256;
constexpr std::size_t kMaxSecrets = 64;
constexpr std::size_t kMaxSecretNameBytes = 128;
constexpr std::size_t kMaxUserBytes = 64;
constexpr std::size_t kMaxPathBytes = 1'024;
constexpr Range<std::int64_t> kPorts{1, 65'535};
constexpr Range<Duration> kStartTimeout{std::chrono::seconds(1), std::chrono::hours(1)};
constexpr Range<Duration> kCheckTimeout{std::chrono::milliseconds(100), std::chrono::minutes(5)};
constexpr Range<std::int64_t> kStatuses{200, 599};
constexpr Range<std::int64_t> kLeastScale{0, kMaxScale};
constexpr Range<std::int64_t> kMostScale{1, kMaxScale};

constexpr std::array<std::string_view, 5> kForContainers = {"command", "port", "readiness", "start_timeout", "user"};
constexpr std::array<std::string_view, 3> kForModules = {"http", "files", "reuse"};

bool isAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// A path as it may stand in a request's first line.
bool isRequestPath(std::string_view text) {
  return text.starts_with('/') && text.size() <= kMaxPathBytes &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f' && c != '#'; });
}

bool isUserPart(std::string_view text) {
  return !text.empty() && text.front() != '-' &&
         std::ranges::all_of(text, [](char c) { return isAlphanumeric(c) || c == '_' || c == '-' || c == '.'; });
}

bool isUser(std::string_view text) {
  if (text.size() > kMaxUserBytes) return false;
  const std::size_t colon = text.find(':');
  return isUserPart(text.substr(0, colon)) && (colon == std::string_view::npos || isUserPart(text.substr(colon + 1)));
}

void readScale(const toml::table& table, Problems& problems, Scale& out) {
  KnownTable scale(table, "scale.", problems);
  scale.count("min", kLeastScale, [&](std::int64_t number) { out.min = static_cast<std::uint32_t>(number); });
  out.max = std::max(out.max, out.min);
  scale.count("max", kMostScale, [&](std::int64_t number) { out.max = static_cast<std::uint32_t>(number); });
  scale.finish();
  if (out.min > out.max) {
    problems.add(table.source(),
                 fmt::format("'scale.min' is {} and 'scale.max' {}; write min <= max", out.min, out.max));
  }
}

void readCheck(const toml::table& table, Problems& problems, Check& out) {
  KnownTable check(table, "check.", problems);
  check.string("path", [&](const toml::node& node, std::string_view text) {
    if (!isRequestPath(text)) {
      return problems.add(node.source(),
                          fmt::format("'check.path' is '{}'; write a path of the function: \"/health\"", text));
    }
    out.path = text;
  });
  check.count("status", kStatuses, [&](std::int64_t number) { out.status = static_cast<std::uint16_t>(number); });
  check.duration("timeout", kCheckTimeout, [&](Duration duration) { out.timeout = duration; });
  check.finish();
}

}  // namespace

bool isSecretName(std::string_view text) {
  const bool begins_with_digit = !text.empty() && text.front() >= '0' && text.front() <= '9';
  return !text.empty() && text.size() <= kMaxSecretNameBytes && !begins_with_digit &&
         std::ranges::all_of(text, [](char c) { return isAlphanumeric(c) || c == '_'; });
}

void readContainer(KnownTable& top, const toml::table& table, Problems& problems, Manifest& out) {
  ContainerSettings container;
  top.string("image", [&](const toml::node& node, std::string_view text) {
    if (text.empty()) problems.add(node.source(), "'image' is empty; write for example \"oci://host/repository:tag\"");
    container.image = text;
  });
  top.strings("command", kMaxCommand,
              [&](const toml::node&, std::string_view text) { container.command.emplace_back(text); });
  top.count("port", kPorts, [&](std::int64_t number) { container.port = static_cast<std::uint16_t>(number); });
  top.string("readiness", [&](const toml::node& node, std::string_view text) {
    if (text == "tcp") return;
    if (!isRequestPath(text)) {
      return problems.add(node.source(),
                          fmt::format("'readiness' is '{}'; write \"tcp\" or a path like \"/health\"", text));
    }
    container.readiness.path = text;
  });
  top.duration("start_timeout", kStartTimeout, [&](Duration duration) { container.start_timeout = duration; });
  top.string("user", [&](const toml::node& node, std::string_view text) {
    if (!isUser(text)) {
      return problems.add(node.source(),
                          fmt::format("'user' is '{}'; write for example \"1000\", \"1000:1000\" or \"app\"", text));
    }
    container.user = text;
  });

  const bool is_container = table.contains("image");
  const auto reject = [&](std::string_view key, std::string_view why) {
    if (const toml::node* node = table.get(key)) problems.add(node->source(), fmt::format("'{}' {}", key, why));
  };
  if (is_container) {
    for (const std::string_view key : kForModules)
      reject(key, "is for WebAssembly modules; this function is an 'image'");
    reject("module", "and 'image' exclude each other: a function is one or the other");
    out.container = std::move(container);
  } else {
    for (const std::string_view key : kForContainers) reject(key, "is for containers; this function has no 'image'");
  }
}

void readSecrets(KnownTable& top, Problems& problems, Manifest& out) {
  top.strings("secrets", kMaxSecrets, [&](const toml::node& node, std::string_view text) {
    if (!isSecretName(text)) {
      return problems.add(node.source(),
                          fmt::format("'secrets': '{}' is not a name: letters, digits and '_', like an environment "
                                      "variable",
                                      text));
    }
    const auto at = std::ranges::lower_bound(out.secrets, text);
    if (at != out.secrets.end() && *at == text) {
      return problems.add(node.source(), fmt::format("'secrets' names {} twice", text));
    }
    if (out.environment.contains(std::string(text))) {
      return problems.add(node.source(), fmt::format("{} is in 'env' and in 'secrets'; it can have one value", text));
    }
    out.secrets.emplace(at, text);
  });
}

void readPlatformSettings(KnownTable& top, Problems& problems, PlatformSettings& out) {
  top.string("visibility", [&](const toml::node& node, std::string_view text) {
    out.visibility = parseVisibility(text);
    if (!out.visibility) {
      problems.add(node.source(), fmt::format("'visibility' is '{}'; write \"public\", \"token\" or \"tenant\"", text));
    }
  });
  top.string("isolation", [&](const toml::node& node, std::string_view text) {
    out.isolation = parseIsolation(text);
    if (!out.isolation) {
      problems.add(node.source(), fmt::format("'isolation' is '{}'; write \"shared\" or \"dedicated\"", text));
    }
  });
  top.table("scale", [&](const toml::table& table) { readScale(table, problems, out.scale.emplace()); });
  top.table("check", [&](const toml::table& table) { readCheck(table, problems, out.check.emplace()); });
}

}  // namespace wasabi::catalog
