// Any text is either exactly what a history encodes to, or no history; and what is decoded works like any other.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "policy/demand_history.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wasabi;
  using policy::DemandHistory;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const TimePoint now{std::chrono::seconds(1)};
  auto history = DemandHistory::decode(text, now);
  if (!history) return 0;
  WASABI_CHECK(history->encode() == text);

  const ByteSize limit{std::uint64_t{200} << 20};
  for (int i = 0; i < 200; ++i) {
    history->record({std::uint64_t{1} << (i % 64)}, DemandHistory::Seen::kWhole, now + std::chrono::seconds(i * i));
    const auto estimate = history->estimate(limit);
    if (!estimate) continue;
    WASABI_CHECK(estimate->mean <= estimate->bound && estimate->bound <= limit && estimate->deviation <= limit);
  }
  const auto encoded = history->encode();
  WASABI_CHECK(encoded.size() <= DemandHistory::kLongestText);
  const auto again = DemandHistory::decode(encoded, now);
  WASABI_CHECK(again && again->encode() == encoded);
  return 0;
}
