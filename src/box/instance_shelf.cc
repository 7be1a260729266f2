#include "box/instance_shelf.h"

#include <algorithm>

namespace wasabi::box {

ShelvedInstance InstanceShelf::take(const catalog::FunctionSpec& version, const ProgramPtr& program) {
  const auto found = std::find_if(shelved_.begin(), shelved_.end(), [&](const Shelved& entry) {
    return entry.version.get() == &version && entry.instance.program == program;
  });
  if (found == shelved_.end()) return {};
  ShelvedInstance instance = std::move(found->instance);
  shelved_.erase(found);
  return instance;
}

void InstanceShelf::put(catalog::FunctionPtr version, ShelvedInstance instance, TimePoint now) {
  if (max_instances_ == 0) return;
  dropIdle(now);
  if (shelved_.size() >= max_instances_) shelved_.pop_back();
  shelved_.push_front({std::move(version), std::move(instance), now});
}

void InstanceShelf::dropWanted() {
  shelved_.remove_if([](const Shelved& entry) { return entry.instance.program->isWanted(); });
}

void InstanceShelf::dropIdle(TimePoint now) {
  while (!shelved_.empty() && now - shelved_.back().since > max_idle_) shelved_.pop_back();
}

}  // namespace wasabi::box
