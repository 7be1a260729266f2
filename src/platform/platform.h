// The data directory of a single machine with all that is in it (docs/data-directory.md): opened as a whole, backed up
// and tidied as a whole. The parts say what can be done with each.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/log.h"
#include "platform/audit_log.h"
#include "platform/blobs.h"
#include "platform/collection.h"
#include "platform/data_directory.h"
#include "platform/records.h"
#include "platform/secrets.h"
#include "platform/tokens.h"
#include "platform/usage.h"

namespace wasabi::platform {

struct PlatformConfig {
  std::string directory;
  std::string base_domain;                 // "fn.example.com"; empty for none
  catalog::FunctionLimits default_limits;  // of manifests that do not name them
  CollectionRules collection;
  AuditLimits audit;
  std::function<std::int64_t()> unix_ms = unixMilliseconds;
};

struct BackupReport {
  std::uint64_t functions = 0;
  std::uint64_t versions = 0;
  std::uint64_t linked = 0;  // files
  std::uint64_t copied = 0;
  std::uint64_t copied_bytes = 0;
};

struct CollectionReport {
  std::uint64_t versions = 0;
  std::uint64_t blobs = 0;
};

// Thread-safe, as its parts are.
class Platform {
 public:
  // What cannot be read of the records is in the log, and in records().problems().
  static Result<std::unique_ptr<Platform>> open(PlatformConfig config, Logger& log);
  ~Platform();

  SnapshotPtr snapshot() const { return records().snapshot(); }
  Records& records() const;
  Tokens& tokens() const;
  Secrets& secrets() const;
  Usage& usage() const;
  AuditLog& audit() const;
  AuditLog& refused() const;  // calls without a token of ours
  const Blobs& blobs() const;
  const std::string& directory() const;
  std::string signingKeyPath() const;  // for catalog::BuilderConfig; its public half beside it

  // Records::deploy, if the secrets and the content it names are there.
  Result<Deployed> deploy(const Deployment& deployment);
  // Nobody has a token or finds a secret of a tenant that had the name before.
  Result<TenantRecordPtr> createTenant(TenantRecord tenant);
  // With its tokens and secrets. kConflict while it has functions.
  Result<void> deleteTenant(const std::string& name);

  // A copy as of one moment, into `to`, which is not there yet: hard links where they can be, and what changes in place
  // copied. Changes wait meanwhile, requests do not. It was opened and read once when this returns, and has its name
  // only if it is whole. To restore is to serve from it.
  Result<BackupReport> backup(const std::string& to);
  Result<CollectionReport> collect(const Leases& leases);

 private:
  struct Impl;
  explicit Platform(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wasabi::platform
