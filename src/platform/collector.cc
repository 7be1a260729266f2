#include "platform/collector.h"

namespace wasabi::platform {
namespace {

// An image that cannot be read keeps no layers, but what it is stays, and so does what is young.
StoredBlobs storedIn(const Blobs& blobs) {
  StoredBlobs stored{blobs.list(BlobKind::kModule),
                     blobs.listCompiled(),
                     blobs.list(BlobKind::kFiles),
                     blobs.list(BlobKind::kImage),
                     blobs.list(BlobKind::kLayer),
                     blobs.list(BlobKind::kRoot),
                     {}};
  for (const StoredBlob& image : stored.images) {
    auto parts = blobs.partsOfImage(image.digest);
    if (!parts) continue;
    if (parts->root) parts->layers.push_back(*parts->root);
    stored.parts_of.emplace(image.digest, std::move(parts->layers));
  }
  return stored;
}

std::vector<FunctionRecordPtr> functionsIn(const PlatformSnapshot& snapshot) {
  std::vector<FunctionRecordPtr> functions;
  for (const TenantRecordPtr& tenant : snapshot.tenants()) {
    for (FunctionRecordPtr& function : snapshot.functionsOf(tenant->name)) functions.push_back(std::move(function));
  }
  return functions;
}

Result<void> removeAll(const Blobs& blobs, BlobKind kind, const std::vector<Digest>& digests,
                       CollectionReport& report) {
  for (const Digest& digest : digests) {
    if (auto removed = blobs.remove(kind, digest); !removed) return removed;
    ++report.blobs;
  }
  return {};
}

Result<void> removeBlobs(const Blobs& blobs, const CollectionPlan& plan, CollectionReport& report) {
  for (const Digest& module : plan.compiled) {
    if (auto removed = blobs.removeCompiled(module); !removed) return removed;
    ++report.blobs;
  }
  auto removed = removeAll(blobs, BlobKind::kModule, plan.modules, report);
  if (removed) removed = removeAll(blobs, BlobKind::kFiles, plan.files, report);
  // Images before their layers: one without all of its layers could not be run.
  if (removed) removed = removeAll(blobs, BlobKind::kImage, plan.images, report);
  if (removed) removed = removeAll(blobs, BlobKind::kLayer, plan.layers, report);
  if (removed) removed = removeAll(blobs, BlobKind::kRoot, plan.roots, report);
  return removed;
}

}  // namespace

Result<CollectionReport> collectUnreachable(Records& records, const Blobs& blobs, const Leases& leases,
                                            const CollectionRules& rules, std::int64_t now_ms) {
  CollectionReport report;
  // A record that cannot be read may name anything: nothing goes until somebody has mended it.
  if (!records.problems().empty()) {
    return fail(ErrorCode::kUnavailable, "nothing is collected while there are records that cannot be read");
  }
  const CollectionPlan versions = planCollection(functionsIn(*records.snapshot()), {}, leases, rules, now_ms);
  for (const auto& planned : versions.versions) {
    const std::vector<std::uint32_t>& numbers = planned.second;
    auto changed = records.change(
        planned.first, [&numbers](FunctionRecord record) { return withoutVersions(std::move(record), numbers); });
    // It was deleted, or traffic went back to one of them, a moment ago.
    if (changed) report.versions += numbers.size();
  }
  auto removed = records.whileStill([&](const PlatformSnapshot& snapshot) {
    return removeBlobs(blobs, planCollection(functionsIn(snapshot), storedIn(blobs), leases, rules, now_ms), report);
  });
  if (!removed) return fail(std::move(removed).error());
  return report;
}

}  // namespace wasabi::platform
