#include "http/client_request.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "http/character_class.h"

namespace wasabi::http {
namespace {

constexpr std::size_t kMaxHostBytes = 253;  // of DNS
constexpr std::size_t kMaxTargetBytes = 64 * 1024;

bool isHostName(std::string_view host) {
  // Underscores are no host names, but they resolve and are in use.
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  };
  return !host.empty() && host.size() <= kMaxHostBytes && host.front() != '.' &&
         host.find("..") == std::string_view::npos && std::all_of(host.begin(), host.end(), allowed);
}

// Splits "host", "host:port", "[v6]" and "[v6]:port".
Result<Origin> parseAuthority(const ClientRequest& request) {
  const std::string authority = lowerCase(request.authority);
  const auto refuse = [&](const char* why) {
    return fail(ErrorCode::kInvalid, std::string("the request's authority ") + why + "; expected host or host:port");
  };
  const bool bracketed = authority.starts_with('[');
  const std::size_t host_end = bracketed ? authority.find(']') : authority.find(':');
  if (bracketed && host_end == std::string::npos) return refuse("lacks the bracket after an IPv6 address");
  std::string_view host = std::string_view(authority).substr(0, host_end);
  std::string_view rest =
      host_end == std::string::npos ? std::string_view() : std::string_view(authority).substr(host_end);
  if (bracketed) {
    host.remove_prefix(1);
    rest.remove_prefix(1);
    const auto address = parseIpAddress(host);
    if (!address || address->size != 16) return refuse("has no IPv6 address in its brackets");
  } else if (!isHostName(host)) {
    return refuse("has no valid host name");
  }
  Origin origin{std::string(host), static_cast<std::uint16_t>(request.tls ? 443 : 80), request.tls, request.partition};
  if (!rest.empty()) {
    const auto port = parseDecimal<std::uint16_t>(rest.substr(1));
    if (rest.front() != ':' || !port || *port == 0) return refuse("has no valid port");
    origin.port = *port;
  }
  return origin;
}

// What a peer may be told as Host when the connection does not depend on it.
bool isAuthorityText(std::string_view authority) {
  return authority.empty() ||
         (isTargetText(authority) && authority.find_first_of("/?#@\\,\"<>") == std::string_view::npos);
}

Result<Origin> originOf(const ClientRequest& request) {
  if (request.endpoint.name.empty()) return parseAuthority(request);
  if (!isAuthorityText(request.authority)) {
    return fail(ErrorCode::kInvalid, "the request's authority holds a character that no Host may have");
  }
  return Origin{request.endpoint.name, request.endpoint.port, request.tls, request.partition, true};
}

// Why the request line cannot be sent, or null.
const char* faultInRequestLine(const ClientRequest& request) {
  if (!isToken(request.method)) return "the request's method is not a token";
  if (request.method == "CONNECT") return "the CONNECT method is not supported: tunnels are not allowed";
  if (request.target.size() > kMaxTargetBytes) return "the request's target is longer than 64 KiB";
  if (request.target == "*" && request.method == "OPTIONS") return nullptr;
  if (!request.target.starts_with('/')) return "the request's target does not begin with '/'";
  if (!isTargetText(request.target) || request.target.find('#') != std::string::npos) {
    return "the request's target holds a character that must be percent-encoded";
  }
  return nullptr;
}

// Why the request cannot be sent as what it wants to be, or null.
const char* faultInWishes(const ClientRequest& request) {
  if (request.version == Version::kHttp10) return "the client does not speak HTTP/1.0";
  if (request.version == Version::kHttp2 && request.tls) return "the client speaks HTTP/2 without TLS only";
  if (request.upgrade.empty()) return nullptr;
  if (request.version == Version::kHttp2) return "there are no upgrades in HTTP/2";
  if (request.tls) return "upgrades are not supported over TLS";
  if (request.has_body) return "a request for an upgrade has no body";
  return isFieldValue(request.upgrade) ? nullptr : "what the request wants to upgrade to is no field value";
}

// Fields that the client alone decides.
bool isClientsOwn(std::string_view name) {
  return isHopByHop(name) || name == "host" || name == "content-length" || name == "expect" || name == "http2-settings";
}

void appendField(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

std::string hostField(const Origin& origin) {
  const bool v6 = origin.host.find(':') != std::string::npos;
  std::string field = v6 ? "[" + origin.host + "]" : origin.host;
  if (origin.port != (origin.tls ? 443 : 80)) field += ":" + std::to_string(origin.port);
  return field;
}

// Where the fields of a head go: into text, or into fields for HPACK.
class HeadWriter {
 public:
  HeadWriter(OutgoingRequest& out, bool http2) : out_(out), http2_(http2) {}

  void begin(const ClientRequest& request) {
    const bool named = !request.endpoint.name.empty();
    if (!http2_) {
      out_.head.reserve(request.method.size() + request.target.size() + request.authority.size() +
                        request.headers.weight() + kFramingRoom);
      out_.head.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
      return named ? add("host", request.authority) : add("host", hostField(out_.origin));
    }
    add(":method", request.method);
    add(":scheme", "http");
    if (!named) {
      add(":authority", hostField(out_.origin));
    } else if (!request.authority.empty()) {
      add(":authority", request.authority);
    }
    add(":path", request.target);
    // gRPC servers want to hear it, and trailers do pass.
    add("te", "trailers");
  }
  void add(std::string_view name, std::string_view value) {
    if (http2_) {
      out_.fields.add(name, value);
    } else {
      appendField(out_.head, name, value);
    }
  }
  void end() {
    if (!http2_) out_.head += "\r\n";
  }
  bool http2() const { return http2_; }

 private:
  // For the fields that the client adds.
  static constexpr std::size_t kFramingRoom = 128;

  OutgoingRequest& out_;
  const bool http2_;
};

Result<void> addUserFields(HeadWriter& head, const ClientRequest& request) {
  for (const Fields::Field field : request.headers) {
    if (!isToken(field.name)) return fail(ErrorCode::kInvalid, "the request has a header whose name is not a token");
    if (!isFieldValue(field.value)) {
      return fail(ErrorCode::kInvalid, "the request's header '" + std::string(field.name) +
                                           "' holds a control character or spaces at an end");
    }
    // Without a body no trailers will come.
    if (isClientsOwn(field.name) || (field.name == "trailer" && !request.has_body)) continue;
    head.add(field.name, field.value);
  }
  return {};
}

// The length that the Content-Length fields declare.
Result<std::optional<std::uint64_t>> declaredLength(const Fields& fields) {
  std::optional<std::uint64_t> length;
  for (const Fields::Field field : fields) {
    if (field.name != "content-length") continue;
    const auto value = parseDecimal<std::uint64_t>(field.value);
    if (!value || (length && *length != *value)) {
      return fail(ErrorCode::kInvalid, "the request's Content-Length is not one decimal number");
    }
    length = value;
  }
  return length;
}

Result<void> frameBody(OutgoingRequest& out, HeadWriter& head, const ClientRequest& request) {
  auto declared = declaredLength(request.headers);
  if (!declared) return fail(std::move(declared).error());
  if (!request.has_body) {
    if (declared->value_or(0) != 0) {
      return fail(ErrorCode::kInvalid, "the request declares a Content-Length but has no body");
    }
    // Where a body is usual its absence is said (RFC 9110 section 8.6).
    const std::string& method = request.method;
    if (method == "POST" || method == "PUT" || method == "PATCH") head.add("content-length", "0");
    return {};
  }
  if (*declared) {
    out.framing = BodyFraming::kLength;
    out.content_length = **declared;
    head.add("content-length", std::to_string(out.content_length));
  } else {
    out.framing = BodyFraming::kChunked;
    if (!head.http2()) head.add("transfer-encoding", "chunked");
  }
  if (request.expect_continue) {
    out.expects_continue = true;
    head.add("expect", "100-continue");
  }
  return {};
}

bool isIdempotent(std::string_view method) {
  constexpr std::string_view kMethods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
  return std::find(std::begin(kMethods), std::end(kMethods), method) != std::end(kMethods);
}

}  // namespace

Result<OutgoingRequest> makeOutgoing(const ClientRequest& request) {
  if (const char* fault = faultInRequestLine(request)) return fail(ErrorCode::kInvalid, fault);
  if (const char* fault = faultInWishes(request)) return fail(ErrorCode::kInvalid, fault);
  auto origin = originOf(request);
  if (!origin) return fail(std::move(origin).error());
  OutgoingRequest out;
  out.origin = std::move(*origin);
  out.origin.http2 = request.version == Version::kHttp2;
  HeadWriter head(out, out.origin.http2);
  head.begin(request);
  if (auto added = addUserFields(head, request); !added) return fail(std::move(added).error());
  if (auto framed = frameBody(out, head, request); !framed) return fail(std::move(framed).error());
  if (!request.upgrade.empty()) {
    out.upgrade = request.upgrade;
    head.add("connection", "upgrade");
    head.add("upgrade", request.upgrade);
  }
  head.end();
  out.is_head = request.method == "HEAD";
  out.idempotent = isIdempotent(request.method);
  out.retry_stale = request.retry_stale;
  return out;
}

bool isTrailer(Fields::Field field) {
  return isToken(field.name) && isFieldValue(field.value) && !isClientsOwn(field.name) && field.name != "trailer";
}

void appendChunk(std::string& out, std::span<const std::byte> chunk) {
  char size[16];
  const auto [end, error] = std::to_chars(size, size + sizeof size, chunk.size(), 16);
  out.append(size, end).append("\r\n");
  out.append(textOf(chunk)).append("\r\n");
}

void appendLastChunk(std::string& out, const Fields& trailers) {
  out.append("0\r\n");
  for (const Fields::Field field : trailers) {
    if (isTrailer(field)) appendField(out, field.name, field.value);
  }
  out.append("\r\n");
}

}  // namespace wasabi::http
