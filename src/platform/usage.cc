#include "platform/usage.h"

#include <fmt/format.h>

#include <map>
#include <mutex>

#include "base/function_name.h"
#include "platform/json_fields.h"

namespace wasabi::platform {
namespace {

constexpr unsigned kFileMode = 0600;
constexpr std::size_t kMaxFileBytes = 4'096;
constexpr std::string_view kJson = ".json";

std::string fileOf(const std::string& tenant) {
  return fmt::format("usage/{}.json", tenant);
}

std::string encode(const TenantUsage& usage) {
  return writeJson({{"since_ms", usage.since_ms},
                    {"requests", usage.figures.requests},
                    {"cpu_seconds", usage.figures.cpu_seconds},
                    {"gb_seconds", usage.figures.gb_seconds}});
}

Result<TenantUsage> decode(std::string_view text, const std::string& tenant) {
  auto json = parseJsonObject(text, fileOf(tenant));
  if (!json) return fail(std::move(json).error());
  JsonFields fields(*json, fileOf(tenant));
  TenantUsage usage{
      tenant,
      fields.time("since_ms"),
      {fields.count<std::uint64_t>("requests"), fields.number("cpu_seconds"), fields.number("gb_seconds")}};
  if (!fields.ok()) return fail(fields.takeError());
  return usage;
}

}  // namespace

UsageFigures& UsageFigures::operator+=(const UsageFigures& more) {
  requests += more.requests;
  cpu_seconds += more.cpu_seconds;
  gb_seconds += more.gb_seconds;
  return *this;
}

struct Usage::Impl {
  struct Counted {
    TenantUsage usage;
    bool changed = false;
  };

  Impl(Disk& the_disk, std::int64_t now_ms) : disk(the_disk), opened_ms(now_ms) {}

  Counted& counted(std::string_view tenant) {
    const auto at = tenants.find(tenant);
    if (at != tenants.end()) return at->second;
    const std::string name(tenant);
    return tenants.emplace(name, Counted{{name, opened_ms, {}}}).first->second;
  }

  Disk& disk;
  const std::int64_t opened_ms;
  std::mutex flush_mutex;
  mutable std::mutex mutex;  // of what follows; never held while the disk is waited for
  std::map<std::string, Counted, std::less<>> tenants;
};

Result<std::unique_ptr<Usage>> Usage::open(Disk& disk, std::int64_t now_ms) {
  auto impl = std::make_unique<Impl>(disk, now_ms);
  auto files = disk.list("usage");
  if (!files) return fail(std::move(files).error());
  for (const DiskEntry& entry : *files) {
    if (entry.is_folder || !entry.name.ends_with(kJson)) continue;
    const std::string tenant = entry.name.substr(0, entry.name.size() - kJson.size());
    if (!isLabel(tenant)) continue;
    auto text = disk.read(fileOf(tenant), kMaxFileBytes);
    if (!text) return fail(std::move(text).error());
    auto usage = decode(*text, tenant);
    if (!usage) return fail(std::move(usage).error());
    impl->tenants.emplace(tenant, Impl::Counted{std::move(*usage)});
  }
  return std::unique_ptr<Usage>(new Usage(std::move(impl)));
}

Usage::Usage(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Usage::~Usage() = default;

void Usage::add(std::string_view tenant, const UsageFigures& more) {
  const std::lock_guard lock(impl_->mutex);
  Impl::Counted& counted = impl_->counted(tenant);
  counted.usage.figures += more;
  counted.changed = true;
}

TenantUsage Usage::of(std::string_view tenant) const {
  const std::lock_guard lock(impl_->mutex);
  const auto at = impl_->tenants.find(tenant);
  return at == impl_->tenants.end() ? TenantUsage{std::string(tenant), impl_->opened_ms, {}} : at->second.usage;
}

std::vector<TenantUsage> Usage::all() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<TenantUsage> found;
  for (const auto& [tenant, counted] : impl_->tenants) found.push_back(counted.usage);
  return found;
}

Result<void> Usage::flush() {
  const std::lock_guard one_flush(impl_->flush_mutex);
  std::vector<TenantUsage> changed;
  {
    const std::lock_guard lock(impl_->mutex);
    for (auto& [tenant, counted] : impl_->tenants) {
      if (std::exchange(counted.changed, false)) changed.push_back(counted.usage);
    }
  }
  Result<void> result;
  for (const TenantUsage& usage : changed) {
    auto written = replaceFile(impl_->disk, fileOf(usage.tenant), encode(usage), kFileMode);
    if (written) continue;
    const std::lock_guard lock(impl_->mutex);
    const auto at = impl_->tenants.find(usage.tenant);
    if (at != impl_->tenants.end()) at->second.changed = true;
    if (result) result = std::move(written);
  }
  return result;
}

Result<void> Usage::forget(const std::string& tenant) {
  const std::lock_guard one_flush(impl_->flush_mutex);
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->tenants.erase(tenant);
  }
  auto removed = impl_->disk.remove(fileOf(tenant));
  if (!removed && removed.error().code() != ErrorCode::kNotFound) return removed;
  return impl_->disk.syncFolder("usage");
}

}  // namespace wasabi::platform
