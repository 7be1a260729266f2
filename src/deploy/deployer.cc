#include "deploy/deployer.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "catalog/store_layout.h"

namespace wasabi::deploy {
namespace {

platform::VersionName nameOf(const platform::Version& version) {
  return {version.name(), version.number};
}

}  // namespace

Deployer::Deployer(platform::Platform& platform, Compiler& compiler, Probe& probe, Logger& log)
    : platform_(platform), compiler_(compiler), probe_(probe), log_(log) {}
Deployer::~Deployer() = default;

Result<platform::Deployed> Deployer::deploy(const platform::Deployment& deployment) {
  auto deployed = platform_.deploy(deployment);
  if (!deployed) return deployed;
  const platform::VersionEntry* entry = deployed->record->find(deployed->version->number);
  if (entry->state == platform::VersionState::kFailed) {
    auto again = platform_.records().change(deployment.name, [&](platform::FunctionRecord record) {
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
  auto again = platform_.records().change(version.function, [&](platform::FunctionRecord record) {
    return platform::withRetry(std::move(record), version.number, false);
  });
  if (!again) return fail(std::move(again.error()));
  begin((*again)->find(version.number)->version);
  return {};
}

void Deployer::resume() {
  const platform::SnapshotPtr snapshot = platform_.snapshot();
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
  if (isCompiled(version->content())) return compiled(version, {});
  compiler_.compile(platform_.blobs().pathOf(platform::BlobKind::kModule, version->content()), version->content(),
                    [this, version](const Result<void>& result) { compiled(version, result); });
}

bool Deployer::isCompiled(const platform::Digest& module) const {
  std::error_code error;
  return std::filesystem::exists(
      platform_.blobs().storePath() + "/" + compiler_.fingerprint() + "/" + catalog::compiledName(module), error);
}

void Deployer::compiled(const platform::VersionPtr& version, const Result<void>& result) {
  const platform::SnapshotPtr snapshot = platform_.snapshot();
  const platform::FunctionRecord* function = snapshot->function(version->name().tenant, version->name().function);
  const auto check = function ? function->checkOf(*version) : std::nullopt;
  if (!result || !check) return finish(version, result);
  probe_.check(nameOf(*version), *check, [this, version](Result<void> answered) {
    if (!answered) answered = fail(std::move(answered.error()).within("its check"));
    finish(version, answered);
  });
}

void Deployer::finish(const platform::VersionPtr& version, const Result<void>& result) {
  auto changed = platform_.records().change(version->name(), [&](platform::FunctionRecord record) {
    if (result) return platform::withReady(std::move(record), version->number);
    std::string reason = result.error().message().substr(0, platform::kMaxReasonBytes);
    return platform::withFailed(std::move(record), version->number, std::move(reason));
  });
  const std::string name = nameOf(*version).toString();
  if (!changed) {
    log_.warn("state of a version is not recorded", {{"version", name}, {"reason", changed.error().message()}});
  } else if (!result) {
    log_.warn("version failed", {{"version", name}, {"reason", result.error().message()}});
  } else {
    log_.info("version is ready", {{"version", name}});
  }
  const std::scoped_lock lock(mutex_);
  building_.erase(nameOf(*version));
}

}  // namespace wasabi::deploy
