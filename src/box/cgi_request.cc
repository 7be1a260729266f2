#include "box/cgi_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace wasabi::box {
namespace {

// "HTTP_ACCEPT_LANGUAGE", or nothing for a field that is not passed on.
std::optional<std::string> variableName(std::string_view field) {
  constexpr std::string_view kWithVariablesOfTheirOwn[] = {"content-type", "content-length"};
  if (field == "proxy" || field.starts_with("proxy-") || field.starts_with("wasabi-") || http::isHopByHop(field))
    return std::nullopt;
  for (std::string_view name : kWithVariablesOfTheirOwn) {
    if (field == name) return std::nullopt;
  }
  std::string name = "HTTP_";
  for (char c : field) {
    if (c == '-') {
      name += '_';
    } else if (c >= 'a' && c <= 'z') {
      name += static_cast<char>(c - 'a' + 'A');
    } else if (c >= '0' && c <= '9') {
      name += c;
    } else {
      return std::nullopt;  // '_' above all: "X_Forwarded_For" must not pass for "X-Forwarded-For"
    }
  }
  return name;
}

void addHeaderVariables(const http::Fields& headers, std::vector<Variable>& out) {
  const std::size_t first = out.size();
  for (const auto& [field, value] : headers) {
    auto name = variableName(field);
    if (!name) continue;
    const auto same = std::find_if(out.begin() + static_cast<std::ptrdiff_t>(first), out.end(),
                                   [&](const Variable& variable) { return variable.name == *name; });
    if (same == out.end()) {
      out.push_back({std::move(*name), std::string(value)});
    } else {
      same->value += field == "cookie" ? "; " : ", ";
      same->value += value;
    }
  }
}

std::string_view protocolName(http::Version version) {
  switch (version) {
    case http::Version::kHttp10:
      return "HTTP/1.0";
    case http::Version::kHttp11:
      return "HTTP/1.1";
    case http::Version::kHttp2:
      return "HTTP/2.0";
  }
  return "HTTP/1.1";
}

}  // namespace

Result<std::vector<Variable>> cgiVariables(const http::RequestHead& request, const CgiContext& context) {
  const std::string_view path = request.path();
  auto path_info = percentDecoded(path.substr(std::min(context.route_prefix_size, path.size())));
  auto script_name = percentDecoded(path.substr(0, context.route_prefix_size));
  if (!path_info) return fail(std::move(path_info.error()).within("the path"));
  if (!script_name) return fail(std::move(script_name.error()).within("the path"));
  const HostAndPort server = splitAuthority(request.authority);
  const std::string_view default_port = context.scheme == "https" ? "443" : "80";

  std::vector<Variable> out;
  out.reserve(14 + request.headers.size());
  out.push_back({"GATEWAY_INTERFACE", "CGI/1.1"});
  out.push_back({"SERVER_SOFTWARE", "wasabi"});
  out.push_back({"SERVER_PROTOCOL", std::string(protocolName(request.version))});
  out.push_back({"SERVER_NAME", std::string(server.host)});
  out.push_back({"SERVER_PORT", std::string(server.port.empty() ? default_port : server.port)});
  out.push_back({"REQUEST_METHOD", request.method});
  out.push_back({"REQUEST_URI", request.target});
  out.push_back({"SCRIPT_NAME", std::move(*script_name)});
  out.push_back({"PATH_INFO", std::move(*path_info)});
  out.push_back({"QUERY_STRING", std::string(request.query())});
  out.push_back({"REMOTE_ADDR", std::string(splitAuthority(context.peer_address).host)});
  out.push_back({"REQUEST_ID", std::string(context.request_id)});
  if (auto type = request.headers.find("content-type")) out.push_back({"CONTENT_TYPE", std::string(*type)});
  if (request.content_length.value_or(0) > 0) {
    out.push_back({"CONTENT_LENGTH", fmt::format("{}", *request.content_length)});
  }
  if (!request.authority.empty()) out.push_back({"HTTP_HOST", request.authority});
  addHeaderVariables(request.headers, out);
  return out;
}

}  // namespace wasabi::box
