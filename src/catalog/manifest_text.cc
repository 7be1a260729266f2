#include <fmt/format.h>

#include "catalog/manifest_parser.h"

namespace wasabi::catalog {
namespace {

// A TOML basic string.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string listed(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    if (out.size() > 1) out += ", ";
    out += quoted(text);
  }
  return out + "]";
}

std::string textOf(const OutboundHost& host) {
  return fmt::format("{}{}{}", host.subdomains ? "*." : "", host.host, host.port ? fmt::format(":{}", *host.port) : "");
}

class Text {
 public:
  void key(std::string_view name, std::string_view value) { out_ += fmt::format("{} = {}\n", name, value); }
  void text(std::string_view name, std::string_view value) { key(name, quoted(value)); }
  void texts(std::string_view name, const std::vector<std::string>& values) {
    if (!values.empty()) key(name, listed(values));
  }
  void line(std::string_view text) { out_ += fmt::format("{}\n", text); }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

void writeProgram(Text& out, const Manifest& manifest) {
  if (const auto& container = manifest.container) {
    out.text("image", container->image);
    out.texts("command", container->command);
    out.key("port", std::to_string(container->port));
    out.text("readiness", container->readiness.path.empty() ? "tcp" : container->readiness.path);
    out.text("start_timeout", toString(container->start_timeout));
    if (container->user) out.text("user", *container->user);
    return;
  }
  if (const auto* digest = std::get_if<ModuleDigest>(&manifest.module)) {
    out.text("module", "sha256:" + digest->toHex());
  } else if (const auto* remote = std::get_if<RemoteModule>(&manifest.module)) {
    out.text("module", remote->reference);
  } else if (const auto& path = std::get<std::string>(manifest.module); !path.empty()) {
    out.text("module", path);
  }
  if (manifest.command_http == CommandHttp::kCgi) out.text("http", "cgi");
  if (!manifest.files.empty()) out.text("files", manifest.files);
  if (manifest.reuse != 0) out.key("reuse", std::to_string(manifest.reuse));
}

void writeLimits(Text& out, const FunctionLimits& limits) {
  out.line("[limits]");
  out.text("memory", toString(limits.memory));
  out.text("timeout", toString(limits.timeout));
  out.key("concurrency", std::to_string(limits.concurrency));
  if (limits.request_body) out.text("request_body", toString(*limits.request_body));
  out.text("response_body", toString(limits.response_body));
  out.text("log", toString(limits.log_per_second));
  // All digits: a share of a quota is seldom a whole number of thousandths.
  if (limits.cpu) out.text("cpu", fmt::format("{}", *limits.cpu));
}

void writePlatform(Text& out, const PlatformSettings& settings) {
  if (settings.scale) {
    out.line("[scale]");
    out.key("min", std::to_string(settings.scale->min));
    out.key("max", std::to_string(settings.scale->max));
  }
  if (settings.check) {
    out.line("[check]");
    out.text("path", settings.check->path);
    if (settings.check->status) out.key("status", std::to_string(*settings.check->status));
    out.text("timeout", toString(settings.check->timeout));
  }
}

}  // namespace

std::string toManifestText(const Manifest& manifest) {
  Text out;
  writeProgram(out, manifest);
  out.texts("args", manifest.arguments);
  std::vector<std::string> outbound;
  outbound.reserve(manifest.outbound.size());
  for (const OutboundHost& host : manifest.outbound) outbound.push_back(textOf(host));
  out.texts("outbound", outbound);
  out.texts("secrets", manifest.secrets);
  if (manifest.platform.visibility) out.text("visibility", nameOf(*manifest.platform.visibility));
  if (manifest.platform.isolation) out.text("isolation", nameOf(*manifest.platform.isolation));
  writeLimits(out, manifest.limits);
  if (!manifest.environment.empty()) out.line("[env]");
  for (const auto& [name, value] : manifest.environment) out.text(quoted(name), value);
  writePlatform(out, manifest.platform);
  for (const Route& route : manifest.routes) {
    out.line("[[routes]]");
    if (!route.host.empty()) out.text("host", route.host);
    out.text("path", route.path_prefix);
  }
  return out.take();
}

FunctionSpec specWithSettings(const FunctionName& name, const Manifest& manifest) {
  FunctionSpec spec;
  spec.name = name;
  spec.limits = manifest.limits;
  spec.environment = manifest.environment;
  spec.secrets = manifest.secrets;
  spec.arguments = manifest.arguments;
  spec.command_http = manifest.command_http;
  spec.outbound = manifest.outbound;
  spec.reuse = manifest.reuse;
  spec.routes = manifest.routes;
  return spec;
}

}  // namespace wasabi::catalog
