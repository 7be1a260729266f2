#include "base/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

namespace wasabi {
namespace {

// A non-negative decimal number at the front of a text, and what follows it without blanks between.
struct NumberAndSuffix {
  double number;
  std::string_view suffix;
};

std::optional<NumberAndSuffix> splitNumber(std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  auto [rest, status] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (status != std::errc() || !std::isfinite(number) || number < 0 || text.front() == '-') return std::nullopt;
  std::string_view suffix(rest, static_cast<std::size_t>(end - rest));
  while (!suffix.empty() && suffix.front() == ' ') suffix.remove_prefix(1);
  return NumberAndSuffix{number, suffix};
}

struct Unit {
  std::string_view suffix;
  double factor;
};

template <std::size_t N>
std::optional<double> scale(const std::array<Unit, N>& units, const NumberAndSuffix& parsed) {
  for (const Unit& unit : units) {
    if (unit.suffix == parsed.suffix) return parsed.number * unit.factor;
  }
  return std::nullopt;
}

constexpr std::array<Unit, 8> kByteUnits = {{{"", 1},
                                             {"B", 1},
                                             {"kB", 1e3},
                                             {"MB", 1e6},
                                             {"GB", 1e9},
                                             {"KiB", 1024.0},
                                             {"MiB", 1048576.0},
                                             {"GiB", 1073741824.0}}};
constexpr std::array<Unit, 6> kTimeUnits = {
    {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}};

constexpr std::array<Unit, 2> kCoreUnits = {{{"", 1}, {"m", 1e-3}}};

// Beyond these a text is a slip of the pen, and arithmetic on it could overflow.
constexpr double kMaxBytes = 1ull << 50;
constexpr double kMaxCores = 1e6;
constexpr double kMaxNanoseconds = 1e9 * 3600 * 24 * 3660;

}  // namespace

Result<ByteSize> parseByteSize(std::string_view text) {
  auto parsed = splitNumber(text);
  auto bytes = parsed ? scale(kByteUnits, *parsed) : std::nullopt;
  if (!bytes || *bytes > kMaxBytes) {
    return fail(ErrorCode::kInvalid, fmt::format("'{}' is not a size; write for example \"64MiB\" or \"100kB\"", text));
  }
  return ByteSize{static_cast<std::uint64_t>(std::llround(*bytes))};
}

std::string toString(ByteSize size) {
  constexpr std::array<std::pair<std::uint64_t, std::string_view>, 3> kUnits = {
      {{1ull << 30, "GiB"}, {1ull << 20, "MiB"}, {1ull << 10, "KiB"}}};
  for (const auto& [factor, suffix] : kUnits) {
    if (size.value >= factor && size.value % factor == 0) return fmt::format("{}{}", size.value / factor, suffix);
  }
  return fmt::format("{}B", size.value);
}

Result<Cores> parseCores(std::string_view text) {
  const auto parsed = splitNumber(text);
  const auto cores = parsed ? scale(kCoreUnits, *parsed) : std::nullopt;
  if (!cores || *cores > kMaxCores) {
    return fail(ErrorCode::kInvalid,
                fmt::format("'{}' is not a number of cores; write for example \"2\", \"0.5\" or \"250m\"", text));
  }
  return Cores{*cores};
}

std::string toString(Cores cores) {
  const double thousandths = cores.value * 1000;
  const bool is_whole = std::floor(cores.value) == cores.value;
  if (is_whole || std::fabs(thousandths - std::round(thousandths)) > 1e-9 * thousandths)
    return fmt::format("{}", cores.value);
  return fmt::format("{}m", std::llround(thousandths));
}

Result<Duration> parseDuration(std::string_view text) {
  auto parsed = splitNumber(text);
  auto nanoseconds = parsed ? scale(kTimeUnits, *parsed) : std::nullopt;
  if (!nanoseconds || *nanoseconds > kMaxNanoseconds) {
    return fail(ErrorCode::kInvalid,
                fmt::format("'{}' is not a duration; write for example \"1.5s\" or \"250ms\"", text));
  }
  return std::chrono::nanoseconds(std::llround(*nanoseconds));
}

std::string toString(Duration duration) {
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
  if (ns % 1'000'000'000 == 0) return fmt::format("{}s", ns / 1'000'000'000);
  if (ns % 1'000'000 == 0) return fmt::format("{}ms", ns / 1'000'000);
  if (ns % 1'000 == 0) return fmt::format("{}us", ns / 1'000);
  return fmt::format("{}ns", ns);
}

}  // namespace wasabi
