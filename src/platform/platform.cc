#include "platform/platform.h"

#include <fmt/format.h>

#include <mutex>

#include "platform/backup.h"
#include "platform/collector.h"

namespace wasabi::platform {
namespace {

// Whether all that the version is made of is in the data directory.
Result<void> checkPresent(const Blobs& blobs, const Secrets& secrets, const Version& version) {
  const auto missing = [](std::string_view what, const Digest& digest) {
    return fail(ErrorCode::kNotFound,
                fmt::format("{} sha256:{} is not here (any more); send it again", what, digest.toHex()));
  };
  if (version.isContainer()) {
    if (!blobs.has(BlobKind::kImage, version.image)) return missing("image", version.image);
    auto parts = blobs.partsOfImage(version.image);
    if (!parts) return fail(std::move(parts).error());
    for (const Digest& layer : parts->layers) {
      if (!blobs.has(BlobKind::kLayer, layer)) return missing("layer", layer);
    }
  } else if (!blobs.has(BlobKind::kModule, version.spec->module)) {
    return missing("module", version.spec->module);
  }
  if (version.files && !blobs.has(BlobKind::kFiles, *version.files))
    return missing("directory of files", *version.files);
  for (const std::string& secret : version.spec->secrets) {
    if (secrets.has(version.name().tenant, secret)) continue;
    return fail(ErrorCode::kNotFound, fmt::format("{} has no secret {}; set it by: wasabi secret set {}",
                                                  version.name().tenant, secret, secret));
  }
  return {};
}

}  // namespace

struct Platform::Impl {
  PlatformConfig config;
  RecordsConfig records_config;
  std::unique_ptr<DataDirectory> directory;
  std::unique_ptr<Blobs> blobs;
  std::unique_ptr<Records> records;
  std::unique_ptr<Tokens> tokens;
  std::unique_ptr<Secrets> secrets;
  std::unique_ptr<Usage> usage;
  std::unique_ptr<AuditLog> audit;
  std::unique_ptr<AuditLog> refused;
  std::mutex tidy_mutex;  // a backup links what a collection would remove

  Result<void> openParts();
};

Result<void> Platform::Impl::openParts() {
  Disk& disk = directory->disk();
  const auto take = [](auto& into, auto opened) -> Result<void> {
    if (!opened) return fail(std::move(opened).error());
    into = std::move(*opened);
    return {};
  };
  if (auto taken = take(blobs, Blobs::open(directory->path())); !taken) return taken;
  records_config = {directory->path(), config.base_domain, config.default_limits};
  if (auto taken = take(records, Records::open(disk, records_config)); !taken) return taken;
  if (auto taken = take(tokens, Tokens::open(disk)); !taken) return taken;
  if (auto taken = take(secrets, Secrets::open(disk)); !taken) return taken;
  if (auto taken = take(usage, Usage::open(disk, config.unix_ms())); !taken) return taken;
  if (auto taken = take(refused, AuditLog::open(directory->path(), kRefusedLimits, "refused.log")); !taken)
    return taken;
  return take(audit, AuditLog::open(directory->path(), config.audit));
}

Result<std::unique_ptr<Platform>> Platform::open(PlatformConfig config, Logger& log) {
  auto directory = DataDirectory::open(config.directory);
  if (!directory) return fail(std::move(directory).error());
  auto impl = std::make_unique<Impl>();
  impl->config = std::move(config);
  impl->directory = std::move(*directory);
  if (auto opened = impl->openParts(); !opened) {
    return fail(std::move(opened).error().within("data directory " + impl->directory->path()));
  }
  for (const RecordProblem& problem : impl->records->problems()) {
    log.error("record cannot be read", {{"file", problem.file}, {"reason", problem.reason}});
  }
  return std::unique_ptr<Platform>(new Platform(std::move(impl)));
}

Platform::Platform(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Platform::~Platform() = default;

Records& Platform::records() const {
  return *impl_->records;
}
Tokens& Platform::tokens() const {
  return *impl_->tokens;
}
Secrets& Platform::secrets() const {
  return *impl_->secrets;
}
Usage& Platform::usage() const {
  return *impl_->usage;
}
AuditLog& Platform::audit() const {
  return *impl_->audit;
}
AuditLog& Platform::refused() const {
  return *impl_->refused;
}
const Blobs& Platform::blobs() const {
  return *impl_->blobs;
}
const std::string& Platform::directory() const {
  return impl_->directory->path();
}
std::string Platform::signingKeyPath() const {
  return impl_->directory->path("keys/signing.key");
}

Result<Deployed> Platform::deploy(const Deployment& deployment) {
  return records().deploy(deployment,
                          [this](const Version& version) { return checkPresent(blobs(), secrets(), version); });
}

// Of a deletion that was interrupted there may be some left. Only what becomes a tenant loses it: where the record of
// one cannot be read, all that is its own waits for the mend.
Result<TenantRecordPtr> Platform::createTenant(TenantRecord tenant) {
  const std::string name = tenant.name;
  return records().createTenant(std::move(tenant), [&]() -> Result<void> {
    if (auto revoked = tokens().revokeAllOf(name); !revoked) return revoked;
    return secrets().removeAllOf(name);
  });
}

Result<void> Platform::deleteTenant(const std::string& name) {
  if (auto deleted = records().deleteTenant(name); !deleted) return deleted;
  if (auto revoked = tokens().revokeAllOf(name); !revoked) return revoked;
  return secrets().removeAllOf(name);
}

Result<BackupReport> Platform::backup(const std::string& to) {
  const std::lock_guard lock(impl_->tidy_mutex);
  if (auto flushed = tokens().flush(); !flushed) return fail(std::move(flushed).error());
  if (auto flushed = usage().flush(); !flushed) return fail(std::move(flushed).error());
  auto report = backUp(directory(), records(), impl_->records_config, to);
  if (!report) return fail(std::move(report).error().within("backup to " + to));
  return report;
}

Result<CollectionReport> Platform::collect(const Leases& leases) {
  const std::lock_guard lock(impl_->tidy_mutex);
  return collectUnreachable(records(), blobs(), leases, impl_->config.collection, impl_->config.unix_ms());
}

}  // namespace wasabi::platform
