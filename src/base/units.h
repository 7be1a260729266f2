// Sizes and durations as people write them ("64MiB", "250ms"), and as types that cannot be mixed up.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace wasabi {

// Monotonic time. What decides takes it as an argument; only event loops, meters and main() read the clock.
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

// A number of bytes.
struct ByteSize {
  std::uint64_t value = 0;
  constexpr auto operator<=>(const ByteSize&) const = default;
};

constexpr ByteSize operator+(ByteSize a, ByteSize b) {
  return {a.value + b.value};
}
constexpr ByteSize operator-(ByteSize a, ByteSize b) {
  return {a.value - b.value};
}

namespace literals {
constexpr ByteSize operator""_B(unsigned long long n) {
  return {n};
}
constexpr ByteSize operator""_KiB(unsigned long long n) {
  return {n << 10};
}
constexpr ByteSize operator""_MiB(unsigned long long n) {
  return {n << 20};
}
constexpr ByteSize operator""_GiB(unsigned long long n) {
  return {n << 30};
}
}  // namespace literals

// "64MiB", "64 MiB", "1.5GiB", "1000", "100kB". Suffixes B, kB, MB, GB (powers of 1000), KiB, MiB, GiB (of 1024).
Result<ByteSize> parseByteSize(std::string_view text);
// The shortest of these forms that says the same: 67108864 -> "64MiB".
std::string toString(ByteSize size);

// Processor time per second of time: 1 is one processor, all of it.
struct Cores {
  double value = 0;
  constexpr auto operator<=>(const Cores&) const = default;
};
// "2", "0.5", "250m" (thousandths).
Result<Cores> parseCores(std::string_view text);
// In whole cores or thousandths where they say the same: 2 -> "2", 0.25 -> "250m".
std::string toString(Cores cores);

// "1.5s", "250ms", "100us", "2m", "1h". A bare number is refused: its unit would be a guess.
Result<Duration> parseDuration(std::string_view text);
std::string toString(Duration duration);
inline double toSeconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace wasabi
