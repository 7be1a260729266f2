#include "catalog/nearest_name.h"

#include <algorithm>
#include <vector>

namespace wasabi::catalog {
namespace {

// Longer names are not slips of the pen, and the time below is quadratic.
constexpr std::size_t kMaxNameBytes = 64;

std::size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0u : 1u)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<std::string_view> nearestName(std::string_view name, std::span<const std::string_view> known) {
  if (name.size() > kMaxNameBytes) return std::nullopt;
  std::optional<std::string_view> nearest;
  std::size_t least = 0;
  for (std::string_view candidate : known) {
    const std::size_t distance = editDistance(name, candidate);
    if (distance > std::max(name.size(), candidate.size()) / 3) continue;
    if (!nearest || distance < least) {
      nearest = candidate;
      least = distance;
    }
  }
  return nearest;
}

}  // namespace wasabi::catalog
