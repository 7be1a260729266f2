#include "http/message.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "http/character_class.h"

namespace wasabi::http {

void Fields::add(std::string_view name, std::string_view value) {
  const std::size_t offset = text_.size();
  entries_.push_back({static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(name.size()),
                      static_cast<std::uint32_t>(value.size())});
  text_.append(name);
  std::transform(text_.begin() + static_cast<std::ptrdiff_t>(offset), text_.end(),
                 text_.begin() + static_cast<std::ptrdiff_t>(offset), toLower);
  text_.append(value);
}

void Fields::set(std::string_view name, std::string_view value) {
  const std::string lower = lowerCase(name);
  remove(lower);
  add(lower, value);
}

void Fields::remove(std::string_view lower_case_name) {
  std::size_t kept = 0;
  std::uint32_t end = 0;
  for (const Entry entry : entries_) {
    const std::uint32_t size = entry.name_size + entry.value_size;
    if (std::string_view(text_).substr(entry.offset, entry.name_size) == lower_case_name) continue;
    std::copy_n(text_.begin() + entry.offset, size, text_.begin() + end);
    entries_[kept++] = {end, entry.name_size, entry.value_size};
    end += size;
  }
  entries_.resize(kept);
  text_.resize(end);
}

void Fields::clear() {
  text_.clear();
  entries_.clear();
}

Fields::Field Fields::at(std::size_t index) const {
  const Entry& entry = entries_[index];
  const char* name = text_.data() + entry.offset;
  return {{name, entry.name_size}, {name + entry.name_size, entry.value_size}};
}

std::optional<std::string_view> Fields::find(std::string_view lower_case_name) const {
  for (const Field field : *this) {
    if (field.name == lower_case_name) return field.value;
  }
  return std::nullopt;
}

std::string_view RequestHead::path() const {
  return std::string_view(target).substr(0, target.find('?'));
}

std::string_view RequestHead::query() const {
  const std::size_t mark = target.find('?');
  return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
}

std::string_view reasonPhrase(std::uint16_t status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 103:
      return "Early Hints";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 207:
      return "Multi-Status";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 407:
      return "Proxy Authentication Required";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 425:
      return "Too Early";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 451:
      return "Unavailable For Legal Reasons";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    case 508:
      return "Loop Detected";
    case 511:
      return "Network Authentication Required";
    default:
      return "";
  }
}

bool isHopByHop(std::string_view lower_case_name) {
  constexpr std::array<std::string_view, 8> kNames = {"connection",          "keep-alive",       "proxy-authenticate",
                                                      "proxy-authorization", "proxy-connection", "te",
                                                      "transfer-encoding",   "upgrade"};
  return std::find(kNames.begin(), kNames.end(), lower_case_name) != kNames.end();
}

std::optional<std::uint64_t> contentLengthOf(const Fields& headers) {
  const auto text = headers.find("content-length");
  return text ? parseDecimal<std::uint64_t>(*text) : std::nullopt;
}

bool isToken(std::string_view text) {
  return isTokenText(text);
}

bool isFieldValue(std::string_view text) {
  return isValueText(text) && trim(text).size() == text.size();
}

}  // namespace wasabi::http
