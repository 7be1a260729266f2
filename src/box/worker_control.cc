// What operators ask of a worker; see worker.h. Apart from the path of a request.
#include <algorithm>
#include <utility>

#include "box/worker.h"

namespace wasabi::box {

void Worker::listInvocations(UniqueFunction<void(InvocationList)> take) {
  loop_.post([this, take = std::move(take)]() mutable {
    std::vector<const Invocation*> live;
    invocations_.forEach([&](const Invocation& invocation) {
      if (invocation.state() != InvocationState::kEnded) live.push_back(&invocation);
    });
    InvocationList list;
    list.total = live.size();
    const auto older = [](const Invocation* a, const Invocation* b) { return a->arrived() < b->arrived(); };
    const std::size_t listed = std::min(live.size(), InvocationList::kMost);
    std::partial_sort(live.begin(), live.begin() + static_cast<std::ptrdiff_t>(listed), live.end(), older);
    live.resize(listed);
    for (const Invocation* invocation : live) list.oldest.push_back(invocation->info(loop_.now()));
    take(std::move(list));
  });
}

void Worker::cancel(std::string request_id, UniqueFunction<void(std::size_t)> take) {
  loop_.post([this, request_id = std::move(request_id), take = std::move(take)]() mutable {
    std::vector<Invocation*> meant;
    invocations_.forEach([&](Invocation& invocation) {
      if (invocation.state() == InvocationState::kEnded || invocation.requestId() != request_id) return;
      meant.push_back(&invocation);
    });
    for (Invocation* invocation : meant) invocation->stop(Reason::kCancelled);
    take(meant.size());
  });
}

void Worker::dropShelved(const catalog::ModuleDigest& module) {
  loop_.post([this, module] {
    shelf_.keepOnly([&](const catalog::FunctionSpec& version) { return version.module != module; });
  });
}

void Worker::dropAllShelved() {
  loop_.post([this] { shelf_.keepOnly([](const catalog::FunctionSpec&) { return false; }); });
}

void Worker::growthGranted(std::uint64_t token) {
  loop_.post([this, token] {
    if (Invocation* invocation = invocations_.find(token)) invocation->growthGranted();
  });
}

void Worker::listEvictionCandidates(UniqueFunction<void(std::vector<policy::EvictionCandidate>)> take) {
  loop_.post([this, take = std::move(take)]() mutable {
    std::vector<policy::EvictionCandidate> candidates;
    invocations_.forEach([&](const Invocation& invocation) {
      if (const auto candidate = invocation.evictionCandidate()) candidates.push_back(*candidate);
    });
    take(std::move(candidates));
  });
}

void Worker::evict(std::uint64_t token, bool may_run_again) {
  loop_.post([this, token, may_run_again] {
    if (Invocation* invocation = invocations_.find(token)) invocation->evict(may_run_again);
  });
}

InvocationInfo Invocation::info(TimePoint now) const {
  return {request_id_,   function(),       method_,        path_.substr(0, InvocationList::kPathBytes),
          state_,        services_.worker, now - arrived_, cpu_,
          memory_.size()};
}

}  // namespace wasabi::box
