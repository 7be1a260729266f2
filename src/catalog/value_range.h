// What values people may write, ends included. Those of a function's limits also bound the operator's defaults for
// them.
#pragma once

#include <cstdint>

#include "base/units.h"

namespace wasabi::catalog {

template <typename T>
struct Range {
  T least;
  T most;
};

inline constexpr Range<ByteSize> kMemoryRange{{64ull << 10}, {4ull << 30}};
inline constexpr Range<Duration> kTimeoutRange{std::chrono::milliseconds(1), std::chrono::hours(1)};
inline constexpr Range<std::int64_t> kConcurrencyRange{1, 100'000};
inline constexpr Range<Cores> kCoresRange{{0.001}, {1'000}};

}  // namespace wasabi::catalog
