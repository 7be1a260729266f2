#include "platform/records.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "base/check.h"
#include "platform/record_files.h"
#include "platform/record_text.h"

namespace wasabi::platform {
namespace {

bool overlap(const std::string& a, const std::string& b) {
  const auto below = [](const std::string& wildcard, const std::string& host) {
    // A wildcard is below another if its domain is, or is the same.
    return grants(wildcard, host.starts_with("*.") ? "x" + host.substr(1) : host);
  };
  return a == b || below(a, b) || below(b, a);
}

Result<void> checkHosts(const PlatformSnapshot& snapshot, const TenantRecord& tenant) {
  if (tenant.hosts.size() > kMaxHostsOfTenant) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} hosts for one tenant; it may have {}", tenant.hosts.size(), kMaxHostsOfTenant));
  }
  for (const TenantRecordPtr& other : snapshot.tenants()) {
    if (other->name == tenant.name) continue;
    for (const std::string& theirs : other->hosts) {
      for (const std::string& host : tenant.hosts) {
        if (!overlap(host, theirs)) continue;
        return fail(ErrorCode::kConflict, fmt::format("host {}: {} has {} already", host, other->name, theirs));
      }
    }
  }
  return {};
}

Result<void> normalizeHosts(std::vector<std::string>& hosts) {
  std::set<std::string> normal;
  for (const std::string& host : hosts) {
    auto one = normalizeGrantedHost(host);
    if (!one) return fail(std::move(one).error());
    normal.insert(std::move(*one));
  }
  hosts.assign(normal.begin(), normal.end());
  return {};
}

tl::unexpected<Error> noSuchTenant(const std::string& name) {
  return fail(ErrorCode::kNotFound, fmt::format("there is no tenant '{}'", name));
}

}  // namespace

struct Records::Impl {
  Impl(Disk& disk, RecordsConfig records_config) : config(std::move(records_config)), files(disk, config.directory) {}

  Result<void> readAll();
  Result<void> checkTenant(const TenantRecord& tenant) const;
  Result<void> checkMendable(const FunctionName& name) const;
  static Result<void> checkMemory(const TenantRecord& tenant, const Version& version);
  Result<void> checkQuota(const TenantTable& table, const Version& version, bool is_new_function) const;
  Result<FunctionRecordPtr> store(const TenantTable& table, const FunctionRecord* before, FunctionRecord after);
  Result<Deployed> deployAgain(const TenantTable& table, const FunctionRecord& before, bool promote);
  void publish(const std::string& tenant, const TenantTablePtr& table);
  SnapshotPtr current() const {
    const std::lock_guard lock(snapshot_mutex);
    return snapshot;
  }

  const RecordsConfig config;
  std::mutex mutex;  // of all changes
  RecordFiles files;
  RetiredNumbers retired_tenants;
  std::vector<RecordProblem> problems;
  std::function<void(SnapshotPtr)> tell;

  mutable std::mutex snapshot_mutex;
  SnapshotPtr snapshot;
};

Result<void> Records::Impl::readAll() {
  auto retired = files.readRetired();
  if (!retired) return fail(std::move(retired).error());
  retired_tenants = std::move(*retired);
  auto tenants = files.readAll(problems);
  if (!tenants) return fail(std::move(tenants).error());
  std::vector<TenantTablePtr> tables;
  tables.reserve(tenants->size());
  for (RecordFiles::Tenant& one : *tenants) {
    tables.push_back(std::make_shared<const TenantTable>(std::move(one.tenant), std::move(one.functions)));
  }
  snapshot = PlatformSnapshot::of(config.base_domain, std::move(tables));
  return {};
}

void Records::Impl::publish(const std::string& tenant, const TenantTablePtr& table) {
  SnapshotPtr next = current()->with(tenant, table);
  {
    const std::lock_guard lock(snapshot_mutex);
    snapshot = next;
  }
  if (tell) tell(std::move(next));
}

Result<void> Records::Impl::checkTenant(const TenantRecord& tenant) const {
  if (auto quotas = checkQuotas(tenant.quotas); !quotas) return quotas;
  return checkHosts(*current(), tenant);
}

// What is on disk under this name and cannot be read is not written over.
Result<void> Records::Impl::checkMendable(const FunctionName& name) const {
  const std::string record = fmt::format("functions/{}/record.json", name.toString());
  const auto problem = std::ranges::find(problems, record, &RecordProblem::file);
  if (problem == problems.end()) return {};
  return fail(ErrorCode::kCorrupt, fmt::format("{}; mend or remove functions/{} in the data directory and start again",
                                               problem->reason, name.toString()));
}

// What the gateway would never let run.
Result<void> Records::Impl::checkMemory(const TenantRecord& tenant, const Version& version) {
  if (!tenant.quotas.memory) return {};
  const ByteSize memory = version.spec->limits.memory;
  const ByteSize quota = *tenant.quotas.memory;
  const std::uint32_t kept = version.isContainer() ? version.settings.scale.value_or(catalog::Scale{}).min : 0;
  if (memory > quota) {
    return fail(ErrorCode::kDenied, fmt::format("limits.memory is {}, and all that runs of {} may have {} together; "
                                                "declare less, or ask the operator for a larger memory quota",
                                                toString(memory), tenant.name, toString(quota)));
  }
  if (kept > 0 && memory.value > quota.value / kept) {
    return fail(
        ErrorCode::kDenied,
        fmt::format("{} containers (scale.min) of {} each (limits.memory) are more than the {} that {} may have; "
                    "declare less, or ask the operator for a larger memory quota",
                    kept, toString(memory), toString(quota), tenant.name));
  }
  return {};
}

Result<void> Records::Impl::checkQuota(const TenantTable& table, const Version& version, bool is_new_function) const {
  const TenantQuotas& quotas = table.tenant().quotas;
  if (is_new_function && table.functions().size() >= quotas.functions) {
    return fail(ErrorCode::kExhausted, fmt::format("{} has {} functions, as many as its quota allows",
                                                   table.tenant().name, table.functions().size()));
  }
  if (auto fits = checkMemory(table.tenant(), version); !fits) return fits;
  const std::uint64_t stored = table.storedBytesWith(&version);
  if (stored > quotas.stored.value) {
    return fail(ErrorCode::kExhausted,
                fmt::format("with this version {} would store {} bytes, and its quota is {}; delete functions, or ask "
                            "the operator for more",
                            table.tenant().name, stored, toString(quotas.stored)));
  }
  return {};
}

// `before` is null for a new function.
Result<FunctionRecordPtr> Records::Impl::store(const TenantTable& table, const FunctionRecord* before,
                                               FunctionRecord after) {
  const std::vector<catalog::Route>& routes = after.leading().version->spec->routes;
  if (before == nullptr || before->leading().version->spec->routes != routes) {
    if (auto free = table.checkRoutes(after.name, routes); !free) return fail(std::move(free).error());
  }
  if (auto written = files.writeFunction(after); !written) return fail(std::move(written).error());
  auto record = std::make_shared<const FunctionRecord>(std::move(after));
  publish(record->name.tenant, table.with(record));
  if (before == nullptr) return record;
  for (const VersionEntry& entry : before->versions) {
    if (record->find(entry.version->number) == nullptr) files.removeVersion({record->name, entry.version->number});
  }
  return record;
}

// The same as its newest version: nothing to do, unless that had failed.
Result<Deployed> Records::Impl::deployAgain(const TenantTable& table, const FunctionRecord& before, bool promote) {
  const VersionEntry& newest = before.versions.back();
  if (newest.state != VersionState::kFailed) {
    return Deployed{table.findPtr(before.name.function), newest.version, false};
  }
  auto retried = withRetry(before, newest.version->number, promote);
  if (!retried) return fail(std::move(retried).error());
  auto stored = store(table, &before, std::move(*retried));
  if (!stored) return fail(std::move(stored).error());
  return Deployed{*stored, newest.version, false};
}

Result<std::unique_ptr<Records>> Records::open(Disk& disk, RecordsConfig config) {
  auto impl = std::make_unique<Impl>(disk, std::move(config));
  if (auto read = impl->readAll(); !read) return fail(std::move(read).error());
  return std::unique_ptr<Records>(new Records(std::move(impl)));
}

Records::Records(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Records::~Records() = default;

const std::vector<RecordProblem>& Records::problems() const {
  return impl_->problems;
}

SnapshotPtr Records::snapshot() const {
  return impl_->current();
}

void Records::onChange(std::function<void(SnapshotPtr)> tell) {
  const std::lock_guard lock(impl_->mutex);
  impl_->tell = std::move(tell);
}

Result<TenantRecordPtr> Records::createTenant(TenantRecord tenant, const Before& before) {
  const std::lock_guard lock(impl_->mutex);
  const SnapshotPtr snapshot = impl_->current();
  if (auto named = checkTenantName(tenant.name); !named) return fail(std::move(named).error());
  if (snapshot->tenant(tenant.name) != nullptr) {
    return fail(ErrorCode::kConflict, fmt::format("there is a tenant '{}' already", tenant.name));
  }
  const std::string file = fmt::format("tenants/{}.json", tenant.name);
  const std::string folder = fmt::format("functions/{}", tenant.name);
  for (const RecordProblem& problem : impl_->problems) {
    if (problem.file != file && problem.file != folder) continue;
    return fail(ErrorCode::kCorrupt, fmt::format("{}; mend it in the data directory and start again", problem.reason));
  }
  if (snapshot->tenants().size() >= kMaxTenants) {
    return fail(ErrorCode::kExhausted, fmt::format("there are {} tenants, as many as there may be", kMaxTenants));
  }
  tenant.retired = RetiredNumbers(impl_->retired_tenants.next(tenant.name));
  if (auto normal = normalizeHosts(tenant.hosts); !normal) return fail(std::move(normal).error());
  if (auto checked = impl_->checkTenant(tenant); !checked) return fail(std::move(checked).error());
  if (before) {
    if (auto done = before(); !done) return fail(std::move(done).error());
  }
  if (auto written = impl_->files.writeTenant(tenant); !written) return fail(std::move(written).error());
  auto record = std::make_shared<const TenantRecord>(std::move(tenant));
  impl_->publish(record->name, std::make_shared<const TenantTable>(record, std::vector<FunctionRecordPtr>()));
  return record;
}

Result<TenantRecordPtr> Records::updateTenant(const TenantRecord& tenant) {
  const std::lock_guard lock(impl_->mutex);
  const TenantTablePtr table = impl_->current()->table(tenant.name);
  if (!table) return noSuchTenant(tenant.name);
  TenantRecord changed = table->tenant();
  changed.quotas = tenant.quotas;
  changed.hosts = tenant.hosts;
  changed.isolation = tenant.isolation;
  if (auto normal = normalizeHosts(changed.hosts); !normal) return fail(std::move(normal).error());
  if (auto checked = impl_->checkTenant(changed); !checked) return fail(std::move(checked).error());
  if (changed == table->tenant()) return table->tenantPtr();
  if (auto written = impl_->files.writeTenant(changed); !written) return fail(std::move(written).error());
  auto record = std::make_shared<const TenantRecord>(std::move(changed));
  impl_->publish(record->name, table->with(record));
  return record;
}

Result<void> Records::deleteTenant(const std::string& name) {
  const std::lock_guard lock(impl_->mutex);
  const TenantTablePtr table = impl_->current()->table(name);
  if (!table) return noSuchTenant(name);
  const std::string folder = fmt::format("functions/{}/", name);
  const bool damaged = std::ranges::any_of(
      impl_->problems, [&folder](const RecordProblem& problem) { return problem.file.starts_with(folder); });
  if (damaged || !table->functions().empty()) {
    return fail(ErrorCode::kConflict, fmt::format("{} has {}; delete those first", name,
                                                  damaged ? "functions whose records cannot be read"
                                                          : fmt::format("{} functions", table->functions().size())));
  }
  RetiredNumbers retired = impl_->retired_tenants;
  retired.retire(name, table->tenant().retired.nextOfAll());
  if (retired != impl_->retired_tenants) {
    if (auto written = impl_->files.writeRetired(retired); !written) return written;
    impl_->retired_tenants = std::move(retired);
  }
  if (auto removed = impl_->files.removeTenant(name); !removed) return removed;
  impl_->publish(name, nullptr);
  return {};
}

Result<Deployed> Records::deploy(const Deployment& deployment, const Present& present) {
  const std::lock_guard lock(impl_->mutex);
  const FunctionName& name = deployment.name;
  if (!isLabel(name.function)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("'{}' cannot name a function: 1 to 63 of a-z, 0-9 and '-', with no '-' at either end",
                            name.function));
  }
  const TenantTablePtr table = impl_->current()->table(name.tenant);
  if (!table) return noSuchTenant(name.tenant);
  if (auto mendable = impl_->checkMendable(name); !mendable) return fail(std::move(mendable).error());
  const FunctionRecord* before = table->find(name.function);

  FunctionRecord record;
  if (before != nullptr) {
    record = *before;
  } else {
    record.name = name;
    record.next_number = table->tenant().retired.next(name.function);
    record.created_by = deployment.created_by;
    record.created_ms = deployment.now_ms;
  }
  auto file = versionOf(deployment, record.next_number, impl_->config.default_limits, impl_->config.directory);
  if (!file) return fail(std::move(file).error());
  if (auto there = present(file->version); !there) return fail(std::move(there).error());

  if (before != nullptr && before->versions.back().version->identity == file->version.identity) {
    return impl_->deployAgain(*table, *before, deployment.promote);
  }
  if (auto free = table->checkRoutes(name, file->version.spec->routes); !free) return fail(std::move(free).error());
  if (auto fits = impl_->checkQuota(*table, file->version, before == nullptr); !fits) {
    return fail(std::move(fits).error());
  }
  auto version = std::make_shared<const Version>(file->version);
  auto extended = withVersion(std::move(record), version, deployment.promote);
  if (!extended) return fail(std::move(extended).error());
  if (auto written = impl_->files.writeVersion(name, *file); !written) return fail(std::move(written).error());
  auto stored = impl_->store(*table, before, std::move(*extended));
  if (!stored) return fail(std::move(stored).error());
  return Deployed{std::move(*stored), std::move(version), true};
}

Result<FunctionRecordPtr> Records::change(const FunctionName& name, const Step& step) {
  const std::lock_guard lock(impl_->mutex);
  const TenantTablePtr table = impl_->current()->table(name.tenant);
  const FunctionRecord* before = table ? table->find(name.function) : nullptr;
  if (before == nullptr) return fail(ErrorCode::kNotFound, fmt::format("there is no function {}", name.toString()));
  auto after = step(*before);
  if (!after) return fail(std::move(after).error());
  WASABI_CHECK(after->name == name);
  if (encodeFunction(*after) == encodeFunction(*before)) return table->findPtr(name.function);
  return impl_->store(*table, before, std::move(*after));
}

Result<void> Records::deleteFunction(const FunctionName& name) {
  const std::lock_guard lock(impl_->mutex);
  const TenantTablePtr table = impl_->current()->table(name.tenant);
  const FunctionRecordPtr record = table ? table->findPtr(name.function) : nullptr;
  if (!record) return fail(ErrorCode::kNotFound, fmt::format("there is no function {}", name.toString()));
  TenantRecord tenant = table->tenant();
  tenant.retired.retire(name.function, record->next_number);
  if (auto written = impl_->files.writeTenant(tenant); !written) return written;
  const TenantTablePtr retired = table->with(std::make_shared<const TenantRecord>(std::move(tenant)));
  auto removed = impl_->files.removeFunction(name);
  impl_->publish(name.tenant, removed ? retired->without(name.function) : retired);
  return removed;
}

Result<std::string> Records::manifestText(const VersionName& version) const {
  if (snapshot()->version(version) == nullptr) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no version {}", version.toString()));
  }
  return impl_->files.manifestText(version);
}

Result<void> Records::whileStill(const std::function<Result<void>(const PlatformSnapshot&)>& fn) {
  const std::lock_guard lock(impl_->mutex);
  return fn(*impl_->current());
}

}  // namespace wasabi::platform
