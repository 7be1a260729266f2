#include "queueproxy/request_log_template.h"

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <optional>
#include <utility>

#include "base/text.h"
#include "http/request_id.h"
#include "queueproxy/go_escapes.h"
#include "queueproxy/pod_annotations.h"

namespace wasabi::queueproxy {

const std::string_view kDefaultRequestLogTemplate =
    R"({"httpRequest": {"requestMethod": "{{.Request.Method}}", "requestUrl": "{{js .Request.RequestURI}}", )"
    R"("requestSize": "{{.Request.ContentLength}}", "status": {{.Response.Code}}, )"
    R"("responseSize": "{{.Response.Size}}", "userAgent": "{{js .Request.UserAgent}}", )"
    R"("remoteIp": "{{js .Request.RemoteAddr}}", "serverIp": "{{.Revision.PodIP}}", )"
    R"("referer": "{{js .Request.Referer}}", "latency": "{{.Response.Latency}}s", )"
    R"("protocol": "{{.Request.Proto}}"}, "traceId": "{{.TraceID}}"})";

namespace {

using Part = RequestLogTemplate::Part;
using Value = RequestLogTemplate::Value;
using Escape = RequestLogTemplate::Escape;

constexpr std::string_view kOpen = "{{";
constexpr std::string_view kClose = "}}";
constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kHeaderGet = ".Request.Header.Get";

struct NamedValue {
  std::string_view name;
  Value value;
};
constexpr std::array<NamedValue, 15> kValues = {{{".Request.Method", Value::kMethod},
                                                 {".Request.RequestURI", Value::kRequestUri},
                                                 {".Request.ContentLength", Value::kContentLength},
                                                 {".Request.UserAgent", Value::kUserAgent},
                                                 {".Request.RemoteAddr", Value::kRemoteAddress},
                                                 {".Request.Referer", Value::kReferer},
                                                 {".Request.Proto", Value::kProto},
                                                 {".Request.Host", Value::kHost},
                                                 {".Request.URL", Value::kRequestUri},
                                                 {".Request.URL.Path", Value::kUrlPath},
                                                 {".Request.URL.RawQuery", Value::kUrlQuery},
                                                 {".Response.Code", Value::kStatus},
                                                 {".Response.Size", Value::kSize},
                                                 {".Response.Latency", Value::kLatency},
                                                 {".TraceID", Value::kTraceId}}};

std::optional<std::string> revisionValue(std::string_view name, const RevisionIdentity& revision) {
  if (name == ".Revision.Name") return revision.revision;
  if (name == ".Revision.Namespace") return revision.namespace_name;
  if (name == ".Revision.Service") return revision.service;
  if (name == ".Revision.Configuration") return revision.configuration;
  if (name == ".Revision.PodName") return revision.pod;
  if (name == ".Revision.PodIP") return revision.pod_ip;
  return std::nullopt;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// The length of the quoted text at the front, or 0.
std::size_t quotedLength(std::string_view text) {
  const char quote = text.empty() ? '\0' : text.front();
  if (quote != '"' && quote != '`') return 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == quote) return i + 1;
    if (text[i] == '\\' && quote == '"') ++i;
  }
  return 0;
}

std::optional<std::string> unquoted(std::string_view text) {
  if (quotedLength(text) != text.size() || text.empty()) return std::nullopt;
  if (text.front() == '`') return std::string(text.substr(1, text.size() - 2));
  return goUnquoted(text);
}

// Up to the blank, bar or end that follows; a quoted text as a whole.
std::string_view takeWord(std::string_view& text) {
  std::size_t size = quotedLength(text);
  if (size == 0) size = std::min(text.find_first_of(" \t\r\n|"), text.size());
  if (size == 0 && !text.empty()) size = 1;  // a bar
  const std::string_view word = text.substr(0, size);
  text = trimmed(text.substr(size));
  return word;
}

std::optional<Escape> escapeOf(std::string_view name) {
  if (name == "js") return Escape::kJs;
  if (name == "html") return Escape::kHtml;
  if (name == "urlquery") return Escape::kUrlQuery;
  return std::nullopt;
}

// Takes one value off the front: a field, a header, a quoted text.
std::optional<Part> takeValue(std::string_view& rest, const RevisionIdentity& revision) {
  const std::string_view word = takeWord(rest);
  if (word == kHeaderGet) {
    const auto name = unquoted(takeWord(rest));
    if (!name || !http::isToken(*name)) return std::nullopt;
    return Part{Value::kHeader, lowerCase(*name), {}};
  }
  for (const NamedValue& one : kValues) {
    if (one.name == word) return Part{one.value, {}, {}};
  }
  if (auto text = revisionValue(word, revision)) return Part{Value::kText, std::move(*text), {}};
  if (auto text = unquoted(word)) return Part{Value::kText, std::move(*text), {}};
  return std::nullopt;
}

// What stands between the braces: [function] value { | function }.
std::optional<Part> partOf(std::string_view action, const RevisionIdentity& revision) {
  std::string_view rest = action;
  std::string_view after_function = action;
  const std::string_view first = takeWord(after_function);
  const auto escape = escapeOf(first);
  if (escape || first == "print") rest = after_function;
  // Values with blanks in them stand in parentheses: js (.Request.Header.Get "X").
  std::string_view inner = rest;
  if (rest.starts_with('(')) {
    const std::size_t close = rest.find(')');
    if (close == std::string_view::npos) return std::nullopt;
    inner = trimmed(rest.substr(1, close - 1));
    rest = trimmed(rest.substr(close + 1));
  }
  const bool in_parentheses = inner.data() != rest.data();
  auto part = takeValue(inner, revision);
  if (!part) return std::nullopt;
  if (!in_parentheses) {
    rest = inner;
  } else if (!inner.empty()) {
    return std::nullopt;
  }
  if (escape) part->escapes.push_back(*escape);
  while (!rest.empty()) {
    if (takeWord(rest) != "|") return std::nullopt;
    const std::string_view function = takeWord(rest);
    const auto next = escapeOf(function);
    if (!next && function != "print") return std::nullopt;
    if (next) part->escapes.push_back(*next);
  }
  return part;
}

struct Action {
  std::string_view inside;  // without markers and blanks
  std::size_t end = 0;      // behind the braces
  bool trims_before = false;
  bool trims_after = false;
  bool is_comment = false;
};

// The action that begins at the front of `text`; nothing if it does not end.
std::optional<Action> actionAt(std::string_view text) {
  std::size_t end = kOpen.size();
  while (end < text.size() && !text.substr(end).starts_with(kClose)) {
    const std::size_t quoted = quotedLength(text.substr(end));
    end += quoted == 0 ? 1 : quoted;
  }
  if (end >= text.size()) return std::nullopt;
  Action action;
  action.end = end + kClose.size();
  std::string_view inside = text.substr(kOpen.size(), end - kOpen.size());
  // A marker has a blank between itself and the rest.
  if (inside.size() > 1 && inside[0] == '-' && kBlanks.find(inside[1]) != std::string_view::npos) {
    action.trims_before = true;
    inside.remove_prefix(1);
  }
  if (inside.size() > 1 && inside.back() == '-' && kBlanks.find(inside[inside.size() - 2]) != std::string_view::npos) {
    action.trims_after = true;
    inside.remove_suffix(1);
  }
  action.inside = trimmed(inside);
  action.is_comment = action.inside.starts_with("/*") && action.inside.ends_with("*/") && action.inside.size() >= 4;
  return action;
}

std::string traceIdIn(const http::Fields& headers) {
  if (const auto parent = headers.find("traceparent")) {
    if (const auto id = http::traceIdOf(*parent)) return std::string(*id);
  }
  return std::string(headers.find("x-b3-traceid").value_or(std::string_view()));
}

std::string_view protoOf(http::Version version) {
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

std::string valueOf(const Part& part, const RequestLogInput& input) {
  const http::RequestHead& request = input.request;
  const auto header = [&](std::string_view name) {
    return std::string(request.headers.find(name).value_or(std::string_view()));
  };
  switch (part.value) {
    case Value::kText:
      return part.text;
    case Value::kMethod:
      return request.method;
    case Value::kRequestUri:
      return request.target;
    case Value::kContentLength:
      return request.content_length ? fmt::format("{}", *request.content_length) : "-1";
    case Value::kUserAgent:
      return header("user-agent");
    case Value::kRemoteAddress:
      return std::string(input.remote_address);
    case Value::kReferer:
      return header("referer");
    case Value::kProto:
      return std::string(protoOf(request.version));
    case Value::kHost:
      return request.authority;
    case Value::kUrlPath:
      return std::string(request.path());
    case Value::kUrlQuery:
      return std::string(request.query());
    case Value::kHeader:
      return header(part.text);
    case Value::kStatus:
      return fmt::format("{}", input.status);
    case Value::kSize:
      return fmt::format("{}", input.response_bytes);
    case Value::kLatency:
      return fmt::format("{}", toSeconds(input.latency));
    case Value::kTraceId:
      return traceIdIn(request.headers);
  }
  return {};
}

std::string escaped(std::string text, const std::vector<Escape>& escapes) {
  for (const Escape escape : escapes) {
    switch (escape) {
      case Escape::kJs:
        text = jsEscaped(text);
        break;
      case Escape::kHtml:
        text = htmlEscaped(text);
        break;
      case Escape::kUrlQuery:
        text = queryEscaped(text);
        break;
    }
  }
  return text;
}

}  // namespace

Result<RequestLogTemplate> RequestLogTemplate::compile(std::string_view text, const RevisionIdentity& revision) {
  if (text.size() > kMostBytes) {
    return fail(ErrorCode::kInvalid, fmt::format("the request log's template is longer than {} bytes", kMostBytes));
  }
  RequestLogTemplate compiled;
  bool trims = false;
  const auto addText = [&](std::string_view piece, bool trims_end) {
    if (trims) piece.remove_prefix(std::min(piece.find_first_not_of(kBlanks), piece.size()));
    if (trims_end) piece = piece.substr(0, piece.find_last_not_of(kBlanks) + 1);
    if (!piece.empty()) compiled.parts_.push_back({Value::kText, std::string(piece), {}});
  };
  std::size_t at = 0;
  for (std::size_t open; (open = text.find(kOpen, at)) != std::string_view::npos;) {
    const auto action = actionAt(text.substr(open));
    if (!action) return fail(ErrorCode::kInvalid, fmt::format("byte {}: '{{{{' without its '}}}}'", open));
    addText(text.substr(at, open - at), action->trims_before);
    trims = action->trims_after;
    at = open + action->end;
    if (action->is_comment) continue;
    auto part = partOf(action->inside, revision);
    if (!part) {
      return fail(
          ErrorCode::kInvalid,
          fmt::format("byte {}: '{{{{{}}}}}' is not among what a request log's template may hold here (fields of "
                      ".Request, .Response and .Revision, .Request.Header.Get, .TraceID, js, html, urlquery)",
                      open, action->inside.substr(0, 100)));
    }
    compiled.parts_.push_back(std::move(*part));
    if (compiled.parts_.size() > kMostParts) {
      return fail(ErrorCode::kInvalid, fmt::format("the request log's template has more than {} parts", kMostParts));
    }
  }
  addText(text.substr(at), false);
  return compiled;
}

void RequestLogTemplate::append(const RequestLogInput& input, std::string& out) const {
  const std::size_t begin = out.size();
  for (const Part& part : parts_) {
    if (part.value == Value::kText && part.escapes.empty()) {
      out += part.text;
    } else {
      out += escaped(valueOf(part, input), part.escapes);
    }
  }
  if (out.size() == begin || out.back() != '\n') out += '\n';
}

}  // namespace wasabi::queueproxy
