#include "policy/peak_window.h"

#include <algorithm>

namespace wasabi::policy {

void PeakWindow::record(std::int64_t step, std::uint32_t value) {
  if (!falling_.empty()) step = std::max(step, falling_.back().step);
  while (!falling_.empty() && falling_.front().step <= step - length_) falling_.pop_front();
  while (!falling_.empty() && falling_.back().value <= value) falling_.pop_back();
  // Of one step the greatest counts, and it is there already.
  if (falling_.empty() || falling_.back().step < step) falling_.push_back({step, value});
}

}  // namespace wasabi::policy
