#include "http/h1_head_parser.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "http/character_class.h"
#include "http/upgrade_protocol.h"

namespace wasabi::http {

namespace {

constexpr std::size_t kMaxMethodBytes = 32;
constexpr std::string_view kConnect = "CONNECT";
// Every option costs a search through the fields.
constexpr std::size_t kMaxConnectionOptions = 16;

bool isAuthority(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (toLower(c) >= 'a' && toLower(c) <= 'z') ||
           std::string_view("-._~%!$&'()*+;=:[]").find(c) != std::string_view::npos;
  });
}

bool startsIgnoringCase(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() && equalsIgnoringCase(text.substr(0, lower.size()), lower);
}

// All of them: whoever offers one that is not might mean it.
bool areTunnelProtocols(std::string_view list) {
  bool all = true;
  forEachListMember(list, [&all](std::string_view protocol) { all = all && isTunnelProtocol(protocol); });
  return all;
}

}  // namespace

bool splitFieldLine(std::string_view line, std::string_view& name, std::string_view& value) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return false;
  name = line.substr(0, colon);
  value = trim(line.substr(colon + 1));
  return isTokenText(name) && isValueText(value);
}

void H1HeadParser::reset() {
  line_start_ = scanned_ = field_count_ = connection_options_ = 0;
  have_request_line_ = have_host_ = have_transfer_encoding_ = authority_from_target_ = false;
  chunked_ = asks_keep_alive_ = asks_close_ = asks_upgrade_ = expects_continue_ = false;
  keep_alive_ = true;
  named_by_connection_.clear();
}

bool H1HeadParser::refuse(std::uint16_t status, std::string_view reason) {
  status_ = status;
  reason_ = reason;
  return false;
}

bool H1HeadParser::refuseLongHead(std::string_view head) {
  if (have_request_line_) return refuse(431, "the header fields are too large");
  const bool in_target = head.substr(line_start_).find(' ') != std::string_view::npos;
  return in_target ? refuse(414, "the request target is too long") : refuse(400, "the request line is malformed");
}

H1HeadParser::Outcome H1HeadParser::parse(std::string_view input, RequestHead& head) {
  // Something that is not HTTP at all, like TLS, may never send the line end that is waited for below.
  if (!input.empty() && !isTokenText(input.substr(0, 1)) && input[0] != '\r') {
    refuse(400, "this is not an HTTP request");
    return Outcome::kRefused;
  }
  const std::string_view within = input.substr(0, limits_.max_header_bytes);
  for (;;) {
    const std::size_t end = within.find('\n', scanned_);
    if (end == std::string_view::npos) {
      scanned_ = within.size();
      if (input.size() == within.size()) return Outcome::kNeedMore;
      refuseLongHead(within);
      return Outcome::kRefused;
    }
    const std::string_view line = input.substr(line_start_, end - line_start_);
    line_start_ = scanned_ = end + 1;
    if (line.empty() || line.back() != '\r') {
      refuse(400, "a line of the head does not end in CRLF");
      return Outcome::kRefused;
    }
    if (const auto outcome = takeLine(line.substr(0, line.size() - 1), head)) return *outcome;
  }
}

std::optional<H1HeadParser::Outcome> H1HeadParser::takeLine(std::string_view line, RequestHead& head) {
  bool accepted = true;
  if (!have_request_line_) {
    // RFC 9112 section 2.2: empty lines before the request line are skipped.
    accepted = line.empty() || takeRequestLine(line, head);
  } else if (line.empty()) {
    return finish(head) ? Outcome::kComplete : Outcome::kRefused;
  } else {
    accepted = takeField(line, head);
  }
  return accepted ? std::nullopt : std::optional(Outcome::kRefused);
}

bool H1HeadParser::takeRequestLine(std::string_view line, RequestHead& head) {
  const auto bad = [this] { return refuse(400, "the request line is malformed"); };
  have_request_line_ = true;
  head.method.clear();
  head.target.clear();
  head.authority.clear();
  head.scheme = "http";
  head.headers.clear();
  head.upgrade.clear();
  head.content_length.reset();

  const std::size_t first = line.find(' ');
  if (first == std::string_view::npos) return bad();
  const std::size_t second = line.find(' ', first + 1);
  if (second == std::string_view::npos) return bad();
  const std::string_view method = line.substr(0, first);
  if (!isTokenText(method)) return bad();
  if (!takeVersion(line.substr(second + 1), head)) return false;
  if (method.size() > kMaxMethodBytes) return refuse(501, "the method is not known");
  if (method == kConnect && connect_ == Connect::kRefused) return refuse(501, "CONNECT is not supported");
  head.method = method;
  return takeTarget(line.substr(first + 1, second - first - 1), head);
}

bool H1HeadParser::takeVersion(std::string_view version, RequestHead& head) {
  if (version == "HTTP/1.1") {
    head.version = Version::kHttp11;
  } else if (version == "HTTP/1.0") {
    head.version = Version::kHttp10;
  } else {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const bool well_formed = version.size() == 8 && version.starts_with("HTTP/") && is_digit(version[5]) &&
                             version[6] == '.' && is_digit(version[7]);
    return well_formed ? refuse(505, "HTTP/1.1, HTTP/1.0 and HTTP/2 are spoken here")
                       : refuse(400, "the request line is malformed");
  }
  return true;
}

bool H1HeadParser::takeTarget(std::string_view target, RequestHead& head) {
  if (target.size() > limits_.max_target_bytes) return refuse(414, "the request target is too long");
  if (!isTargetText(target)) return refuse(400, "the request target is malformed");
  if (head.method == kConnect) return takeAuthorityTarget(target, head);
  if (target[0] == '/') {
    head.target = target;
    return true;
  }
  if (target == "*" && head.method == "OPTIONS") {
    head.target = target;
    return true;
  }
  return takeAbsoluteTarget(target, head);
}

bool H1HeadParser::takeAbsoluteTarget(std::string_view target, RequestHead& head) {
  if (startsIgnoringCase(target, "http://")) {
    target.remove_prefix(7);
  } else if (startsIgnoringCase(target, "https://")) {
    target.remove_prefix(8);
  } else {
    return refuse(400, "the request target is malformed");
  }
  const std::string_view authority = target.substr(0, target.find_first_of("/?"));
  if (authority.empty() || !isAuthority(authority)) return refuse(400, "the request target is malformed");
  target.remove_prefix(authority.size());
  authority_from_target_ = true;
  head.authority = authority;
  if (target.empty() || target[0] == '?') head.target = "/";
  head.target.append(target);
  return true;
}

// "api.example.com:443"
bool H1HeadParser::takeAuthorityTarget(std::string_view target, RequestHead& head) {
  if (!isAuthority(target) || splitAuthority(target).port.empty()) {
    return refuse(400, "CONNECT wants a host and a port");
  }
  authority_from_target_ = true;
  head.authority = target;
  return true;
}

bool H1HeadParser::takeField(std::string_view line, RequestHead& head) {
  if (++field_count_ > limits_.max_header_count) return refuse(431, "there are too many header fields");
  // A folded line starts with a space, which is no token either.
  std::string_view name;
  std::string_view value;
  if (!splitFieldLine(line, name, value)) return refuse(400, "a header field is malformed");
  bool pass_on = true;
  if (!takeSpecialField(name, value, head, pass_on)) return false;
  if (pass_on) head.headers.add(name, value);
  return true;
}

bool H1HeadParser::takeSpecialField(std::string_view name, std::string_view value, RequestHead& head, bool& pass_on) {
  const auto is = [&](std::string_view lower) { return equalsIgnoringCase(name, lower); };
  const auto keep_to_ourselves = [&pass_on] { pass_on = false; };
  switch (name.size()) {
    case 2:
      if (is("te")) keep_to_ourselves();
      return true;
    case 4:
      if (!is("host")) return true;
      keep_to_ourselves();
      return takeHost(value, head);
    case 6:
      if (!is("expect")) return true;
      keep_to_ourselves();
      return takeExpect(value);
    case 7:
      if (!is("upgrade")) return true;
      keep_to_ourselves();
      takeUpgrade(value, head);
      return true;
    case 10:
      if (is("keep-alive")) keep_to_ourselves();
      if (!is("connection")) return true;
      keep_to_ourselves();
      return takeConnection(value);
    case 14:
      return !is("content-length") || takeContentLength(value, head);
    case 16:
      if (is("proxy-connection")) keep_to_ourselves();
      return true;
    case 17:
      if (!is("transfer-encoding")) return true;
      keep_to_ourselves();
      return takeTransferEncoding(value);
    case 18:
      if (is("proxy-authenticate")) keep_to_ourselves();
      return true;
    case 19:
      if (is("proxy-authorization")) keep_to_ourselves();
      return true;
    default:
      return true;
  }
}

bool H1HeadParser::takeHost(std::string_view value, RequestHead& head) {
  if (have_host_) return refuse(400, "there is more than one Host");
  if (!isAuthority(value)) return refuse(400, "the Host is malformed");
  have_host_ = true;
  // RFC 9112 section 3.2.2: what the target says goes before the Host.
  if (!authority_from_target_) head.authority = value;
  return true;
}

bool H1HeadParser::takeContentLength(std::string_view value, RequestHead& head) {
  if (head.content_length) return refuse(400, "there is more than one Content-Length");
  std::uint64_t length = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
  const bool whole = error == std::errc() && end == value.data() + value.size();
  if (!whole) return refuse(400, "the Content-Length is malformed");
  head.content_length = length;
  return true;
}

bool H1HeadParser::takeTransferEncoding(std::string_view value) {
  if (have_transfer_encoding_) return refuse(400, "there is more than one Transfer-Encoding");
  have_transfer_encoding_ = true;
  if (!equalsIgnoringCase(value, "chunked")) {
    return refuse(501, "the only Transfer-Encoding understood is 'chunked', alone");
  }
  chunked_ = true;
  return true;
}

bool H1HeadParser::takeConnection(std::string_view value) {
  forEachListMember(value, [this](std::string_view option) {
    ++connection_options_;
    if (equalsIgnoringCase(option, "close")) {
      asks_close_ = true;
    } else if (equalsIgnoringCase(option, "keep-alive")) {
      asks_keep_alive_ = true;
    } else if (equalsIgnoringCase(option, "upgrade")) {
      asks_upgrade_ = true;
    } else {
      if (!named_by_connection_.empty()) named_by_connection_ += ',';
      std::transform(option.begin(), option.end(), std::back_inserter(named_by_connection_), toLower);
    }
  });
  if (connection_options_ > kMaxConnectionOptions) return refuse(400, "there are too many Connection options");
  return true;
}

bool H1HeadParser::takeExpect(std::string_view value) {
  if (!equalsIgnoringCase(value, "100-continue")) {
    return refuse(417, "the only expectation understood is '100-continue'");
  }
  expects_continue_ = true;
  return true;
}

void H1HeadParser::takeUpgrade(std::string_view value, RequestHead& head) {
  if (!head.upgrade.empty()) head.upgrade += ", ";
  head.upgrade += value;
}

bool H1HeadParser::finish(RequestHead& head) {
  const bool is_11 = head.version == Version::kHttp11;
  if (is_11 && !have_host_) return refuse(400, "there is no Host");
  if (chunked_ && head.content_length) {
    return refuse(400, "there are both Content-Length and Transfer-Encoding");
  }
  if (chunked_ && !is_11) return refuse(400, "HTTP/1.0 has no Transfer-Encoding");
  if (!chunked_ && !head.content_length) head.content_length = 0;
  keep_alive_ = !asks_close_ && (is_11 || asks_keep_alive_);
  expects_continue_ = expects_continue_ && is_11;
  // A body would come before the bytes of the other protocol; nobody asks for that.
  if (head.method == kConnect) {
    if (chunked_ || head.content_length != 0) return refuse(400, "CONNECT has no body");
    head.upgrade = "connect";
  } else if (!asks_upgrade_ || !is_11 || chunked_ || head.content_length != 0 || !areTunnelProtocols(head.upgrade)) {
    head.upgrade.clear();
  }
  forEachListMember(named_by_connection_, [&head](std::string_view name) { head.headers.remove(name); });
  return true;
}

}  // namespace wasabi::http
