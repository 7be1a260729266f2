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
      puller_(services_.platform.blobs(), services_.fetch, limits.pull) {}
Deployer::~Deployer() = default;

// What is not there is refused by the platform, which says so better.
Result<void> Deployer::measure(platform::Deployment& deployment) const {
  const platform::Blobs& blobs = services_.platform.blobs();
  if (deployment.module && blobs.has(platform::BlobKind::kModule, *deployment.module)) {
    std::error_code error;
    deployment.content_bytes = fs::file_size(blobs.pathOf(platform::BlobKind::kModule, *deployment.module), error);
    if (error) return fail(Error::fromErrno("size of the module", error.value()));
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
    return accepted(fail(ErrorCode::kNotFound, "there is no tenant " + deployment.name.tenant));
  }
  // What cannot be deployed is not fetched.
  const catalog::ParsedManifest parsed =
      catalog::parseManifest(deployment.manifest, {}, catalog::ProgramKey::kOptional);
  deployment.module.reset();
  if (!parsed.problems.empty()) return accepted(deploy(std::move(deployment)));
  if (parsed.manifest.container) return accepted(fail(ErrorCode::kInvalid, "this server runs no containers"));
  puller_.pull(std::move(remote), [this, deployment = std::move(deployment),
                                   accepted = std::move(accepted)](Result<PulledModule> pulled) mutable {
    if (!pulled) return accepted(fail(std::move(pulled).error()));
    deployment.module = pulled->digest;
    deployment.source = pulled->source;
    auto deployed = deploy(std::move(deployment));
    if (deployed && deployed->is_new) stages_.pulled(nameOf(*deployed->version), pulled->took);
    accepted(std::move(deployed));
  });
}

Result<platform::Deployed> Deployer::deploy(platform::Deployment deployment) {
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
  return {building_, {}};
}

void Deployer::begin(const platform::VersionPtr& version) {
  {
    const std::scoped_lock lock(mutex_);
    if (!building_.insert(nameOf(*version)).second) return;
  }
  if (version->isContainer()) {
    return finish(version, fail(ErrorCode::kInvalid, "this server runs no containers"));
  }
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

void Deployer::compiled(const platform::VersionPtr& version, const Result<void>& result) {
  const platform::SnapshotPtr snapshot = services_.platform.snapshot();
  const platform::FunctionRecord* function = snapshot->function(version->name().tenant, version->name().function);
  const auto check = function ? function->checkOf(*version) : std::nullopt;
  if (!result || !check) return finish(version, result);
  stages_.enter(nameOf(*version), Stage::kChecking);
  services_.probe.check(nameOf(*version), *check, [this, version](Result<void> answered) {
    if (!answered) answered = fail(std::move(answered.error()).within("its check"));
    finish(version, answered);
  });
}

void Deployer::finish(const platform::VersionPtr& version, const Result<void>& result) {
  // Held over the change: who tries a version again that has just failed must find it no longer being built.
  const std::scoped_lock lock(mutex_);
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
