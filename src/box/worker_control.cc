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

InvocationInfo Invocation::info(TimePoint now) const {
  return {request_id_,    function(), method_, path_.substr(0, InvocationList::kPathBytes), state_, services_.worker,
          now - arrived_, cpu_,       grown_};
}

}  // namespace wasabi::box
