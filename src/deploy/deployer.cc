#include "deploy/deployer.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "catalog/manifest_parser.h"
#include "catalog/store_layout.h"

namespace wasabi::deploy {
namespace {

namespace fs = std::filesystem;

platform::VersionName nameOf(const platform::Version& version) {
  return {version.name(), version.number};
}

// Of files, each name once.
Result<std::uint64_t> bytesBelow(const std::string& path) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    if (at->symlink_status(error).type() == fs::file_type::regular) bytes += at->file_size(error);
    if (error) break;
  }
  if (error) return fail(Error::fromErrno(path, error.value()));
  return bytes;
}

}  // namespace

Deployer::Deployer(DeployServices services, const DeployLimits& limits)
    : services_(std::move(services)),
      limits_(limits),
      stages_(services_.now),
      puller_(services_.platform.blobs(), services_.fetch, limits.pull),
      image_jobs_(limits.images) {}
Deployer::~Deployer() = default;

// What is not there is refused by the platform, which says so better.
Result<void> Deployer::measure(platform::Deployment& deployment) const {
  const platform::Blobs& blobs = services_.platform.blobs();
  if (deployment.module && blobs.has(platform::BlobKind::kModule, *deployment.module)) {
    std::error_code error;
    deployment.content_bytes = fs::file_size(blobs.pathOf(platform::BlobKind::kModule, *deployment.module), error);
    if (error) return fail(Error::fromErrno("size of the module", error.value()));
  }
  if (deployment.image && blobs.has(platform::BlobKind::kImage, *deployment.image)) {
    auto bytes = services_.images.bytesOf(*deployment.image);
    if (!bytes) return fail(std::move(bytes).error());
    deployment.content_bytes = *bytes;
  }
  if (deployment.files && blobs.has(platform::BlobKind::kFiles, *deployment.files)) {
    auto bytes = bytesBelow(blobs.pathOf(platform::BlobKind::kFiles, *deployment.files));
    if (!bytes) return fail(std::move(bytes).error());
    deployment.files_bytes = *bytes;
  }
  return {};
}

void Deployer::deployFrom(Remote remote, platform::Deployment deployment, Accepted accepted) {
  if (services_.platform.snapshot()->tenant(deployment.name.tenant) == nullptr) {
    return accepted(fail(ErrorCode::kNotFound, "there is no tenant " + deployment.name.tenant), Where::kHere);
  }
  // What cannot be deployed is not fetched.
  const catalog::ParsedManifest parsed =
      catalog::parseManifest(deployment.manifest, {}, catalog::ProgramKey::kOptional);
  deployment.module.reset();
  deployment.image.reset();
  if (!parsed.problems.empty()) return accepted(deploy(std::move(deployment)), Where::kHere);
  if (parsed.manifest.container) return pullImage(std::move(remote), std::move(deployment), std::move(accepted));
  puller_.pull(std::move(remote), [this, deployment = std::move(deployment),
                                   accepted = std::move(accepted)](Result<PulledModule> pulled) mutable {
    if (!pulled) return accepted(fail(std::move(pulled).error()), Where::kRegistry);
    deployment.module = pulled->digest;
    deployment.source = pulled->source;
    auto deployed = deploy(std::move(deployment));
    if (deployed && deployed->is_new) stages_.pulled(nameOf(*deployed->version), pulled->took);
    accepted(std::move(deployed), Where::kHere);
  });
}

void Deployer::pullImage(Remote remote, platform::Deployment deployment, Accepted accepted) {
  if (auto can = services_.containers.available(); !can) return accepted(fail(std::move(can).error()), Where::kHere);
  auto reference = oci::parseReference(remote.reference);
  if (!reference) return accepted(fail(std::move(reference).error()), Where::kHere);
  image_jobs_.post([this, reference = *std::move(reference), credentials = std::move(remote.credentials),
                    deployment = std::move(deployment),
                    accepted = std::move(accepted)](const JobQueue::Turn& turn) mutable {
    const std::string name = oci::toString(reference);
    if (auto cut = turn.cutOff(name)) return accepted(fail(*std::move(cut)), Where::kRegistry);
    auto stored = services_.images.pull(reference, credentials, {turn.stop(), {}});
    if (!stored) {
      auto cut = turn.cutOff(name);
      return accepted(fail(cut ? *std::move(cut) : std::move(stored).error()), Where::kRegistry);
    }
    const Duration took = turn.taken();
    deployment.image = stored->digest;
    deployment.source = stored->source;
    auto deployed = deploy(std::move(deployment));
    if (deployed && deployed->is_new) stages_.pulled(nameOf(*deployed->version), took);
    accepted(std::move(deployed), Where::kHere);
  });
}

// What a manifest says wrongly is refused by the platform, which says so better.
Result<void> Deployer::checkImage(const platform::Deployment& deployment) const {
  const catalog::ParsedManifest parsed =
      catalog::parseManifest(deployment.manifest, {}, catalog::ProgramKey::kOptional);
  if (!parsed.problems.empty() || !parsed.manifest.container) return {};
  if (auto can = services_.containers.available(); !can) return can;
  const bool is_there =
      deployment.image && services_.platform.blobs().has(platform::BlobKind::kImage, *deployment.image);
  return is_there ? services_.images.check(*deployment.image, *parsed.manifest.container) : Result<void>();
}

Result<ImageUpload> Deployer::uploadImage() const {
  if (auto can = services_.containers.available(); !can) return fail(std::move(can).error());
  auto archive = IncomingArchive::begin(services_.platform.blobs(), limits_.image_archive);
  if (!archive) return fail(std::move(archive).error());
  return ImageUpload(services_.images, *std::move(archive));
}

Result<platform::Deployed> Deployer::deploy(platform::Deployment deployment) {
  if (auto can = checkImage(deployment); !can) return fail(std::move(can).error());
  if (auto measured = measure(deployment); !measured) return fail(std::move(measured).error());
  auto deployed = services_.platform.deploy(deployment);
  if (!deployed) return deployed;
  const platform::VersionEntry* entry = deployed->record->find(deployed->version->number);
  if (entry->state == platform::VersionState::kFailed) {
    auto again = services_.platform.records().change(deployment.name, [&](platform::FunctionRecord record) {
      return platform::withRetry(std::move(record), entry->version->number, deployment.promote);
    });
    if (!again) return fail(std::move(again.error()));
    deployed->record = *again;
  }
  if (deployed->record->find(deployed->version->number)->state == platform::VersionState::kBuilding) {
    begin(deployed->version);
  }
  return deployed;
}

Result<void> Deployer::retry(const platform::VersionName& version) {
  auto again = services_.platform.records().change(version.function, [&](platform::FunctionRecord record) {
    return platform::withRetry(std::move(record), version.number, false);
  });
  if (!again) return fail(std::move(again.error()));
  begin((*again)->find(version.number)->version);
  return {};
}

void Deployer::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  puller_.stop();
  image_jobs_.stop();
}

void Deployer::resume() {
  const platform::SnapshotPtr snapshot = services_.platform.snapshot();
  for (const platform::TenantRecordPtr& tenant : snapshot->tenants()) {
    for (const platform::FunctionRecordPtr& function : snapshot->functionsOf(tenant->name)) {
      for (const platform::VersionEntry& entry : function->versions) {
        if (entry.state == platform::VersionState::kBuilding) begin(entry.version);
      }
    }
  }
}

platform::Leases Deployer::leases() const {
  const std::scoped_lock lock(mutex_);
  return {building_, {}, services_.images.comesIn()};
}

void Deployer::begin(const platform::VersionPtr& version) {
  {
    const std::scoped_lock lock(mutex_);
    if (!building_.insert(nameOf(*version)).second) return;
  }
  if (version->isContainer()) return beginContainer(version);
  stages_.enter(nameOf(*version), Stage::kCompiling);
  if (isCompiled(version->content())) return compiled(version, {});
  services_.compiler.compile(services_.platform.blobs().pathOf(platform::BlobKind::kModule, version->content()),
                             version->content(),
                             [this, version](const Result<void>& result) { compiled(version, result); });
}

bool Deployer::isCompiled(const platform::Digest& module) const {
  std::error_code error;
  return fs::exists(services_.platform.blobs().storePath() + "/" + services_.compiler.fingerprint() + "/" +
                        catalog::compiledName(module),
                    error);
}

// That its first container becomes ready is a check in itself.
void Deployer::beginContainer(const platform::VersionPtr& version) {
  if (auto can = services_.containers.available(); !can) return finish(version, can);
  const platform::VersionName name = nameOf(*version);
  stages_.enter(name, Stage::kUnpacking);
  image_jobs_.post([this, version, name](const JobQueue::Turn& turn) {
    const std::string what = "unpacking the image";
    if (auto cut = turn.cutOff(what)) return finish(version, fail(*std::move(cut)));
    const auto prepared = services_.images.prepare(
        version->image, *version->container, turn.stop(),
        [this, &name](std::uint64_t done, std::uint64_t all) { stages_.goesOn(name, done, all); });
    if (!prepared) {
      auto cut = turn.cutOff(what);
      return finish(version, fail(cut ? *std::move(cut) : prepared.error()));
    }
    stages_.enter(name, Stage::kChecking);
    services_.containers.bringUp(
        name, [this, version](const Result<void>& ready) { ready ? check(version) : finish(version, ready); });
  });
}

void Deployer::compiled(const platform::VersionPtr& version, const Result<void>& result) {
  result ? check(version) : finish(version, result);
}

void Deployer::check(const platform::VersionPtr& version) {
  const platform::SnapshotPtr snapshot = services_.platform.snapshot();
  const platform::FunctionRecord* function = snapshot->function(version->name().tenant, version->name().function);
  const auto check = function ? function->checkOf(*version) : std::nullopt;
  if (!check) return finish(version, {});
  stages_.enter(nameOf(*version), Stage::kChecking);
  services_.probe.check(nameOf(*version), *check, [this, version](Result<void> answered) {
    if (!answered) answered = fail(std::move(answered.error()).within("its check"));
    finish(version, answered);
  });
}

void Deployer::finish(const platform::VersionPtr& version, const Result<void>& result) {
  // Held over the change: who tries a version again that has just failed must find it no longer being built.
  const std::scoped_lock lock(mutex_);
  if (stopping_ && !result) return;  // it may have failed for that: the next start tries it again
  auto changed = services_.platform.records().change(version->name(), [&](platform::FunctionRecord record) {
    if (result) return platform::withReady(std::move(record), version->number);
    std::string reason = result.error().message().substr(0, platform::kMaxReasonBytes);
    return platform::withFailed(std::move(record), version->number, std::move(reason));
  });
  building_.erase(nameOf(*version));
  stages_.enter(nameOf(*version), result ? Stage::kReady : Stage::kFailed);
  const std::string name = nameOf(*version).toString();
  if (!changed) {
    services_.log.warn("state of a version is not recorded",
                       {{"version", name}, {"reason", changed.error().message()}});
  } else if (!result) {
    services_.log.warn("version failed", {{"version", name}, {"reason", result.error().message()}});
  } else {
    services_.log.info("version is ready", {{"version", name}});
  }
}

}  // namespace wasabi::deploy
