// Tenants and functions on disk, and the snapshot of them that requests are routed by.
//
//   tenants/<tenant>.json
//   functions/<tenant>/<function>/record.json        replaced at once with every change
//   functions/<tenant>/<function>/versions/<n>.json  never changed
//
//   retired.json                                     where the numbers of deleted tenants' versions go on
//
// A change is on disk when the call returns, and in the next snapshot. One that fails has changed nothing that can be
// seen; if it was the disk that failed (kIo, kExhausted), the change may show after a restart. Thread-safe: changes
// wait for each other, readers of snapshots for nobody. Calls block on the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "catalog/function_spec.h"
#include "platform/deployment.h"
#include "platform/disk.h"
#include "platform/platform_snapshot.h"

namespace wasabi::platform {

struct RecordsConfig {
  std::string directory;                   // absolute, for what specs say of their files
  std::string base_domain;                 // lower case; empty for none
  catalog::FunctionLimits default_limits;  // of manifests that do not name them
};

struct Deployed {
  FunctionRecordPtr record;
  VersionPtr version;
  bool is_new = false;  // false: the newest version is the same; nothing was added
};

// A record that cannot be read. What it is of is not served, and its files are left alone until somebody mends them.
struct RecordProblem {
  std::string file;
  std::string reason;
};

class Records {
 public:
  // Reads everything, and removes what a crash left. An error only where the folders cannot be read at all. `disk`
  // outlives the records.
  static Result<std::unique_ptr<Records>> open(Disk& disk, RecordsConfig config);
  ~Records();

  const std::vector<RecordProblem>& problems() const;
  SnapshotPtr snapshot() const;
  // Called with every new snapshot in their order, by the thread that made the change and before its call returns: to
  // post it elsewhere. Set before anybody changes anything.
  void onChange(std::function<void(SnapshotPtr)> tell);

  // `before`, if any, runs under the lock once nothing is in the way any more: what it refuses is the answer.
  using Before = std::function<Result<void>()>;
  Result<TenantRecordPtr> createTenant(TenantRecord tenant, const Before& before = {});
  // All but name, time and numbers is taken over. kConflict: a host belongs to another tenant.
  Result<TenantRecordPtr> updateTenant(const TenantRecord& tenant);
  Result<void> deleteTenant(const std::string& name);  // kConflict while it has functions

  // kInvalid: the manifest, with all its problems; kDenied: a route that the tenant may not have; kExhausted: a quota.
  // `present` is asked under the lock whether module, image and files are there: what it refuses is the answer.
  using Present = std::function<Result<void>(const Version&)>;
  Result<Deployed> deploy(const Deployment& deployment, const Present& present);

  // kConflict and kDenied also where the change would make a version leading whose routes are not to be had.
  using Step = std::function<Result<FunctionRecord>(FunctionRecord)>;
  // One of the functions of function_record.h: records.change(name, [&](auto r) { return withReady(std::move(r), 3);
  // }).
  Result<FunctionRecordPtr> change(const FunctionName& name, const Step& step);
  Result<void> deleteFunction(const FunctionName& name);

  Result<std::string> manifestText(const VersionName& version) const;

  // Runs while nobody changes anything: for backup and collection. `fn` may read snapshots and change nothing.
  Result<void> whileStill(const std::function<Result<void>(const PlatformSnapshot&)>& fn);

 private:
  struct Impl;
  explicit Records(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wasabi::platform
