#include "platform/collection.h"

#include <algorithm>

namespace wasabi::platform {
namespace {

std::int64_t millisecondsOf(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

class Planner {
 public:
  Planner(const Leases& leases, const CollectionRules& rules, std::int64_t now_ms)
      : leases_(leases), rules_(rules), young_since_ms_(now_ms - millisecondsOf(rules.keep_young)) {}

  // Versions that go are added to the plan, and what the others are made of is needed.
  void addFunction(const FunctionRecord& record, CollectionPlan& plan) {
    std::size_t newer = record.versions.size();
    for (const VersionEntry& entry : record.versions) {
      --newer;
      const Version& version = *entry.version;
      if (isKept(record, entry, newer)) {
        needed_.insert(version.content());
        if (version.files) needed_.insert(*version.files);
      } else {
        plan.versions[record.name].push_back(version.number);
      }
    }
  }

  std::vector<Digest> unneeded(const std::vector<StoredBlob>& stored) const {
    std::vector<Digest> found;
    for (const StoredBlob& blob : stored) {
      if (!isNeeded(blob)) found.push_back(blob.digest);
    }
    return found;
  }

  void needPartsOf(const StoredBlobs& stored) {
    for (const StoredBlob& image : stored.images) {
      if (!isNeeded(image)) continue;
      const auto parts = stored.parts_of.find(image.digest);
      if (parts != stored.parts_of.end()) needed_.insert(parts->second.begin(), parts->second.end());
    }
  }

 private:
  bool isKept(const FunctionRecord& record, const VersionEntry& entry, std::size_t newer) const {
    const Version& version = *entry.version;
    return newer < rules_.keep_newest || entry.state == VersionState::kBuilding || record.isHeld(version.number) ||
           version.created_ms > young_since_ms_ || leases_.versions.contains({record.name, version.number});
  }

  bool isNeeded(const StoredBlob& blob) const {
    return blob.modified_ms > young_since_ms_ || needed_.contains(blob.digest) || leases_.blobs.contains(blob.digest);
  }

  const Leases& leases_;
  const CollectionRules& rules_;
  const std::int64_t young_since_ms_;
  std::set<Digest> needed_;
};

}  // namespace

bool CollectionPlan::empty() const {
  return versions.empty() && modules.empty() && compiled.empty() && files.empty() && images.empty() && layers.empty() &&
         roots.empty();
}

CollectionPlan planCollection(const std::vector<FunctionRecordPtr>& functions, const StoredBlobs& stored,
                              const Leases& leases, const CollectionRules& rules, std::int64_t now_ms) {
  CollectionPlan plan;
  Planner planner(leases, rules, now_ms);
  for (const FunctionRecordPtr& function : functions) planner.addFunction(*function, plan);
  plan.modules = planner.unneeded(stored.modules);
  plan.compiled = planner.unneeded(stored.compiled);
  plan.files = planner.unneeded(stored.files);
  plan.images = planner.unneeded(stored.images);
  if (leases.images_come_in) return plan;
  planner.needPartsOf(stored);
  plan.layers = planner.unneeded(stored.layers);
  plan.roots = planner.unneeded(stored.roots);
  return plan;
}

}  // namespace wasabi::platform
