#include "box/cgi_response.h"

#include <fmt/format.h>

#include <charconv>

#include "base/text.h"

namespace wasabi::box {
namespace {

constexpr std::uint16_t kFirstFinalStatus = 200;
constexpr std::uint16_t kLastStatus = 599;

Result<std::uint16_t> parseStatus(std::string_view value) {
  std::uint16_t status = 0;
  const auto [rest, error] = std::from_chars(value.data(), value.data() + value.size(), status);
  const bool ends = rest == value.data() + value.size() || *rest == ' ';
  if (error != std::errc() || !ends || status < kFirstFinalStatus || status > kLastStatus) {
    return fail(ErrorCode::kInvalid,
                fmt::format("CGI head: '{}' is not a status between {} and {}", value, kFirstFinalStatus, kLastStatus));
  }
  return status;
}

// Adds one header line to `head`; `status` is set where the line says so.
Result<void> addLine(std::string_view line, http::ResponseHead& head, std::optional<std::uint16_t>& status) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !http::isToken(line.substr(0, colon))) {
    return fail(ErrorCode::kInvalid,
                fmt::format("CGI head: '{}' is not a header line; with http = \"cgi\" the output must start with "
                            "'Name: value' lines and an empty line",
                            line.substr(0, 80)));
  }
  const std::string name = lowerCase(line.substr(0, colon));
  const std::string_view value = trim(line.substr(colon + 1));
  if (!http::isFieldValue(value)) {
    return fail(ErrorCode::kInvalid, fmt::format("CGI head: the value of '{}' has control characters", name));
  }
  if (name == "status") {
    auto parsed = parseStatus(value);
    if (!parsed) return fail(parsed.error());
    status = *parsed;
    return {};
  }
  if (!isReservedResponseField(name)) head.headers.add(name, value);
  return {};
}

}  // namespace

Result<std::optional<CgiHead>> parseCgiHead(std::string_view output, std::size_t max_head_bytes) {
  CgiHead parsed;
  std::optional<std::uint16_t> status;
  std::size_t at = 0;
  while (true) {
    const std::size_t newline = output.find('\n', at);
    if (newline == std::string_view::npos || newline >= max_head_bytes) {
      if (output.size() < max_head_bytes) return std::nullopt;
      return fail(ErrorCode::kInvalid, fmt::format("CGI head: no empty line in the first {} bytes", max_head_bytes));
    }
    std::string_view line = output.substr(at, newline - at);
    if (line.ends_with('\r')) line.remove_suffix(1);
    at = newline + 1;
    if (line.empty()) break;
    if (auto added = addLine(line, parsed.head, status); !added) return fail(added.error());
  }
  parsed.size = at;
  const bool redirects = parsed.head.headers.find("location").has_value();
  parsed.head.status = status.value_or(redirects ? 302 : 200);
  return parsed;
}

bool isReservedResponseField(std::string_view lower_case_name) {
  return http::isHopByHop(lower_case_name) || lower_case_name == "content-length" ||
         lower_case_name.starts_with("wasabi-") || lower_case_name == "proxy-status";
}

}  // namespace wasabi::box
