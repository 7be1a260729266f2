#include "platform/retired_numbers.h"

#include <algorithm>

namespace wasabi::platform {

std::uint32_t RetiredNumbers::next(const std::string& name) const {
  const auto at = next_.find(name);
  return std::max(floor_, at == next_.end() ? 1 : at->second);
}

void RetiredNumbers::retire(const std::string& name, std::uint32_t next) {
  if (next <= this->next(name)) return;
  next_[name] = next;
  if (next_.size() <= kMaxNames) return;
  floor_ = nextOfAll();
  next_.clear();
}

std::uint32_t RetiredNumbers::nextOfAll() const {
  std::uint32_t highest = floor_;
  for (const auto& [name, next] : next_) highest = std::max(highest, next);
  return highest;
}

}  // namespace wasabi::platform
