#include "catalog/manifest_parser.h"

#include <fmt/format.h>

#include "catalog/manifest_keys.h"
#include "catalog/route_text.h"
#include "catalog/toml_table.h"

namespace wasabi::catalog {
namespace {

constexpr std::size_t kMaxEnvironment = 256;
constexpr std::size_t kMaxArguments = 256;
constexpr std::size_t kMaxOutbound = 256;
constexpr std::size_t kMaxRoutes = 64;
constexpr Range<ByteSize> kBody{{0}, {1ull << 40}};
constexpr Range<ByteSize> kLog{{0}, {16ull << 20}};
constexpr Range<std::int64_t> kReuse{0, 1'000'000};

void readModule(KnownTable& top, Problems& problems, Manifest& out) {
  constexpr std::string_view kDigestPrefix = "sha256:";
  top.string("module", [&](const toml::node& node, std::string_view text) {
    if (text.empty()) return problems.add(node.source(), "'module' is empty; write the path of the .wasm file");
    if (text.starts_with(kRemoteScheme)) {
      out.module = RemoteModule{std::string(text)};
      return;
    }
    if (!text.starts_with(kDigestPrefix)) {
      out.module = std::string(text);
      return;
    }
    const auto digest = parseModuleDigest(text.substr(kDigestPrefix.size()));
    if (!digest) return problems.add(node.source(), fmt::format("'module': {}", digest.error().message()));
    out.module = *digest;
  });
}

void readLimits(const toml::table& table, Problems& problems, FunctionLimits& out) {
  KnownTable limits(table, "limits.", problems);
  limits.size("memory", kMemoryRange, [&](ByteSize size) { out.memory = size; });
  limits.duration("timeout", kTimeoutRange, [&](Duration duration) { out.timeout = duration; });
  limits.count("concurrency", kConcurrencyRange,
               [&](std::int64_t number) { out.concurrency = static_cast<std::uint32_t>(number); });
  limits.size("request_body", kBody, [&](ByteSize size) { out.request_body = size; });
  limits.size("response_body", kBody, [&](ByteSize size) { out.response_body = size; });
  limits.size("log", kLog, [&](ByteSize size) { out.log_per_second = size; });
  limits.cores("cpu", kCoresRange, [&](Cores cores) { out.cpu = cores.value; });
  limits.finish();
}

void readEnvironment(const toml::table& table, Problems& problems, std::map<std::string, std::string>& out) {
  if (table.size() > kMaxEnvironment) {
    return problems.add(table.source(),
                        fmt::format("'env' has {} entries; it may have {}", table.size(), kMaxEnvironment));
  }
  for (const auto& [key, node] : table) {
    const std::string_view name = key.str();
    const auto value = node.value_exact<std::string_view>();
    if (name.empty() || name.find_first_of(std::string_view("=\0", 2)) != std::string_view::npos) {
      problems.add(key.source(), "a name in 'env' is empty or has '=' or a NUL character in it");
    } else if (!value) {
      problems.add(node.source(), fmt::format("'env.{}' is {}; write a string", name, typeName(node)));
    } else if (value->find('\0') != std::string_view::npos) {
      problems.add(node.source(), fmt::format("'env.{}' has a NUL character in it", name));
    } else {
      out.emplace(name, *value);
    }
  }
}

void readRoute(const toml::table& table, Problems& problems, std::vector<Route>& out) {
  Route route{.host = "", .path_prefix = "/"};
  KnownTable keys(table, "routes.", problems);
  keys.string("host", [&](const toml::node& node, std::string_view text) {
    auto host = normalizeHost(text);
    if (!host) return problems.add(node.source(), fmt::format("'routes.host': {}", host.error().message()));
    route.host = std::move(*host);
  });
  keys.string("path", [&](const toml::node& node, std::string_view text) {
    auto path = normalizePathPrefix(text);
    if (!path) return problems.add(node.source(), fmt::format("'routes.path': {}", path.error().message()));
    route.path_prefix = std::move(*path);
  });
  keys.finish();
  if (!table.contains("host") && !table.contains("path")) {
    problems.add(table.source(), "a route needs 'host' or 'path' or both");
  }
  out.push_back(std::move(route));
}

void readTop(const toml::table& table, ProgramKey program, Problems& problems, Manifest& out) {
  KnownTable top(table, "", problems);
  readModule(top, problems, out);
  if (program == ProgramKey::kRequired && !table.contains("module") && !table.contains("image")) {
    problems.add({}, "'module' is missing; write the path of the .wasm file: module = \"app.wasm\"");
  }
  top.string("http", [&](const toml::node& node, std::string_view text) {
    if (text == "cgi") {
      out.command_http = CommandHttp::kCgi;
    } else if (text != "plain") {
      problems.add(node.source(), fmt::format("'http' is '{}'; write \"plain\" or \"cgi\"", text));
    }
  });
  top.strings("args", kMaxArguments,
              [&](const toml::node&, std::string_view text) { out.arguments.emplace_back(text); });
  top.string("files", [&](const toml::node& node, std::string_view text) {
    if (text.empty())
      return problems.add(node.source(), "'files' is empty; write the path of a directory or leave it out");
    out.files = text;
  });
  top.strings("outbound", kMaxOutbound, [&](const toml::node& node, std::string_view text) {
    auto allowed = parseOutboundHost(text);
    if (!allowed) return problems.add(node.source(), fmt::format("'outbound': {}", allowed.error().message()));
    out.outbound.push_back(std::move(*allowed));
  });
  top.count("reuse", kReuse, [&](std::int64_t number) { out.reuse = static_cast<std::uint32_t>(number); });
  top.table("limits", [&](const toml::table& limits) { readLimits(limits, problems, out.limits); });
  top.table("env", [&](const toml::table& environment) { readEnvironment(environment, problems, out.environment); });
  top.tables("routes", kMaxRoutes, [&](const toml::table& route) { readRoute(route, problems, out.routes); });
  readContainer(top, table, problems, out);
  readSecrets(top, problems, out);
  readPlatformSettings(top, problems, out.platform);
  top.finish();
}

}  // namespace

ParsedManifest parseManifest(std::string_view text, const FunctionLimits& defaults, ProgramKey program) {
  ParsedManifest result;
  result.manifest.limits = defaults;
  Problems problems(result.problems);
  const auto table = parseToml(text, "the manifest", kMaxManifestBytes, problems);
  if (table) readTop(*table, program, problems, result.manifest);
  sortByLine(result.problems);
  return result;
}

}  // namespace wasabi::catalog
