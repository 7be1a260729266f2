// Instances that functions with `reuse = N` leave between requests, on one worker. Bounded in number and in time; an
// instance is used again only by the very version it was made for.
#pragma once

#include <cstdint>
#include <list>
#include <utility>

#include "base/units.h"
#include "box/loaded_program.h"
#include "box/memory_ledger.h"
#include "catalog/function_spec.h"
#include "engine/invocation.h"

namespace wasabi::box {

struct ShelvedInstance {
  HeldMemory memory;   // of the instance; goes after it
  ProgramPtr program;  // of the instance; goes after it
  engine::Instance instance;
  std::uint32_t uses = 0;  // requests served so far
};

class InstanceShelf {
 public:
  InstanceShelf(std::size_t max_instances, Duration max_idle) : max_instances_(max_instances), max_idle_(max_idle) {}

  // The most recently used one of this version that runs on this very program, or an empty one.
  ShelvedInstance take(const catalog::FunctionSpec& version, const ProgramPtr& program);
  void put(catalog::FunctionPtr version, ShelvedInstance instance, TimePoint now);

  // Drops what lay for too long, what is in the way of a writer of its program's file, and with `is_deployed` what
  // belongs to a version that is gone.
  void dropIdle(TimePoint now);
  void dropWanted();
  template <typename IsDeployed>
  void keepOnly(IsDeployed is_deployed) {
    shelved_.remove_if([&](const Shelved& entry) { return !is_deployed(*entry.version); });
  }

  std::size_t size() const { return shelved_.size(); }

 private:
  struct Shelved {
    catalog::FunctionPtr version;
    ShelvedInstance instance;
    TimePoint since;
  };

  const std::size_t max_instances_;
  const Duration max_idle_;
  std::list<Shelved> shelved_;  // most recent first
};

}  // namespace wasabi::box
