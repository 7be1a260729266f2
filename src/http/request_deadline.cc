#include "http/request_deadline.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/text.h"

namespace wasabi::http {
namespace {

constexpr std::size_t kGrpcDigits = 8;

std::optional<Duration> unitOfGrpc(char unit) {
  switch (unit) {
    case 'H':
      return std::chrono::hours(1);
    case 'M':
      return std::chrono::minutes(1);
    case 'S':
      return std::chrono::seconds(1);
    case 'm':
      return std::chrono::milliseconds(1);
    case 'u':
      return std::chrono::microseconds(1);
    case 'n':
      return std::chrono::nanoseconds(1);
    default:
      return std::nullopt;
  }
}

// "At most 8 digits", and a unit: so it fits a Duration with every unit but hours and minutes, which are cut off.
std::optional<Duration> parseGrpcTimeout(std::string_view text) {
  constexpr auto kMost = std::chrono::hours(24 * 365);
  if (text.size() < 2 || text.size() > kGrpcDigits + 1) return std::nullopt;
  const auto number = parseDecimal<std::int64_t>(text.substr(0, text.size() - 1));
  const auto unit = unitOfGrpc(text.back());
  if (!number || *number < 0 || !unit) return std::nullopt;
  return *number > kMost / *unit ? Duration(kMost) : *number * *unit;
}

}  // namespace

Result<std::optional<Duration>> patienceOf(const Fields& headers) {
  std::optional<Duration> patience;
  if (const auto text = headers.find("wasabi-timeout")) {
    const auto told = parseDuration(*text);
    if (!told) return fail(ErrorCode::kInvalid, "wasabi-timeout: " + told.error().message());
    patience = *told;
  }
  if (const auto text = headers.find("grpc-timeout")) {
    const auto told = parseGrpcTimeout(*text);
    if (!told) {
      return fail(ErrorCode::kInvalid,
                  "grpc-timeout: not 1 to 8 digits and one of the units H, M, S, m, u, n, as in \"1500m\"");
    }
    patience = std::min(patience.value_or(*told), *told);
  }
  return patience;
}

}  // namespace wasabi::http
