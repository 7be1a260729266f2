#include "platform/traffic_split.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"

namespace wasabi::platform {

Result<TrafficSplit> TrafficSplit::of(std::vector<TrafficShare> shares) {
  std::erase_if(shares, [](const TrafficShare& share) { return share.percent == 0; });
  if (shares.empty())
    return fail(ErrorCode::kInvalid, "no version is given any traffic; write for example v3=90 v4=10");
  if (shares.size() > kMaxShares) {
    return fail(ErrorCode::kInvalid,
                fmt::format("traffic is divided over {} versions; it may be over {}", shares.size(), kMaxShares));
  }
  std::ranges::sort(shares, {}, &TrafficShare::version);
  const auto twice = std::ranges::adjacent_find(shares, {}, &TrafficShare::version);
  if (twice != shares.end())
    return fail(ErrorCode::kInvalid, fmt::format("v{} is given traffic twice", twice->version));
  std::uint64_t sum = 0;
  for (const TrafficShare& share : shares) sum += share.percent;
  if (sum != 100) return fail(ErrorCode::kInvalid, fmt::format("the shares sum to {}%; they must sum to 100%", sum));
  return TrafficSplit(std::move(shares));
}

bool TrafficSplit::has(std::uint32_t version) const {
  return std::ranges::find(shares_, version, &TrafficShare::version) != shares_.end();
}

std::uint32_t TrafficSplit::newest() const {
  WASABI_CHECK(!shares_.empty());
  return shares_.back().version;
}

std::uint32_t TrafficSplit::choose(std::uint64_t random) const {
  WASABI_CHECK(!shares_.empty());
  // The upper half of a product with 100 is even over 0 to 99, but for one part in 2^57.
  const auto drawn = static_cast<std::uint32_t>((static_cast<unsigned __int128>(random) * 100) >> 64);
  std::uint32_t below = 0;
  for (const TrafficShare& share : shares_) {
    below += share.percent;
    if (drawn < below) return share.version;
  }
  return shares_.back().version;
}

std::string TrafficSplit::toString() const {
  std::string text;
  for (const TrafficShare& share : shares_) {
    text += fmt::format("{}v{}={}", text.empty() ? "" : " ", share.version, share.percent);
  }
  return text;
}

}  // namespace wasabi::platform
