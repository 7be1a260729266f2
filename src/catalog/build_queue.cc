#include "catalog/build_queue.h"

#include <algorithm>
#include <utility>

namespace wasabi::catalog {

void BuildQueue::push(BuildRequest request) {
  auto& queue = request.priority == BuildPriority::kRequested ? requested_ : background_;
  queue.push_back(std::move(request));
}

void BuildQueue::promote(std::uint64_t id) {
  const auto found = std::ranges::find(background_, id, &BuildRequest::id);
  if (found == background_.end()) return;
  BuildRequest request = std::move(*found);
  background_.erase(found);
  request.priority = BuildPriority::kRequested;
  requested_.push_back(std::move(request));
}

std::optional<BuildRequest> BuildQueue::pop(bool background_too) {
  auto& queue = requested_.empty() && background_too ? background_ : requested_;
  if (queue.empty()) return std::nullopt;
  BuildRequest request = std::move(queue.front());
  queue.pop_front();
  return request;
}

}  // namespace wasabi::catalog
