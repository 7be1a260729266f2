#include "box/invocation_list.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace wasabi::box {

void InvocationList::merge(InvocationList other) {
  total += other.total;
  std::vector<InvocationInfo> merged;
  merged.reserve(oldest.size() + other.oldest.size());
  std::merge(std::make_move_iterator(oldest.begin()), std::make_move_iterator(oldest.end()),
             std::make_move_iterator(other.oldest.begin()), std::make_move_iterator(other.oldest.end()),
             std::back_inserter(merged), [](const auto& a, const auto& b) { return a.age > b.age; });
  if (merged.size() > kMost) merged.resize(kMost);
  oldest = std::move(merged);
}

}  // namespace wasabi::box
