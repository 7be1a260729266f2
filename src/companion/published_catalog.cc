#include "companion/published_catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"

namespace wasabi::companion {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFiles = ".files";
constexpr std::string_view kSuffix = ".toml";
constexpr unsigned kFileMode = 0644;
constexpr unsigned kFolderMode = 0755;

}  // namespace

std::string PublishedCatalog::manifestPath(const FunctionName& name) const {
  return fmt::format("{}/{}{}", directory(), name.toString(), kSuffix);
}

std::string PublishedCatalog::copyPath(const std::string& copy) const {
  return fmt::format("{}/{}/{}", directory(), kFiles, copy);
}

Result<PublishedCatalog> PublishedCatalog::open(std::string shared) {
  std::error_code error;
  fs::create_directories(shared, error);
  if (error) return fail(Error::fromErrno(shared, error.value()));
  auto disk = platform::openDisk(shared);
  if (!disk) return fail(std::move(disk).error());
  PublishedCatalog made(std::move(shared), std::move(*disk));
  made.is_shown_ = fs::is_directory(made.shared_ + "/catalog", error);
  if (!made.is_shown_) {
    if (auto removed = removeTree(*made.disk_, made.directory()); !removed) return fail(std::move(removed).error());
  }
  for (const std::string& folder : {made.directory(), fmt::format("{}/{}", made.directory(), kFiles)}) {
    if (auto there = ensureFolder(*made.disk_, folder, kFolderMode); !there) return fail(std::move(there).error());
  }
  if (auto adopted = made.adopt(); !adopted) return fail(std::move(adopted).error());
  return made;
}

Result<void> PublishedCatalog::adopt() {
  auto tenants = disk_->list(directory());
  if (!tenants) return fail(std::move(tenants).error());
  std::set<std::string> used;
  for (const platform::DiskEntry& tenant : *tenants) {
    if (!tenant.is_folder || !isLabel(tenant.name)) continue;
    if (auto adopted = adoptTenant(tenant.name, used); !adopted) return adopted;
  }
  auto copies = disk_->list(fmt::format("{}/{}", directory(), kFiles));
  if (!copies) return fail(std::move(copies).error());
  for (const platform::DiskEntry& copy : *copies) {
    last_copy_ = std::max(last_copy_, parseDecimal<std::uint64_t>(copy.name).value_or(0));
    if (used.contains(copy.name)) continue;
    if (auto removed = removeTree(*disk_, copyPath(copy.name)); !removed) return removed;
  }
  return {};
}

Result<void> PublishedCatalog::adoptTenant(const std::string& tenant, std::set<std::string>& copies) {
  auto files = disk_->list(directory() + "/" + tenant);
  if (!files) return fail(std::move(files).error());
  for (const platform::DiskEntry& file : *files) {
    if (!file.name.ends_with(kSuffix)) continue;
    const FunctionName name{tenant, file.name.substr(0, file.name.size() - kSuffix.size())};
    if (!isLabel(name.function)) continue;
    auto text = disk_->read(manifestPath(name), catalog::kMaxManifestBytes);
    if (!text) return fail(std::move(text).error());
    // "../.files/7" is the copy 7.
    const std::string copy = fs::path(catalog::parseManifest(*text).manifest.files).filename().string();
    copies.insert(copy);
    published_[name] = copy;
  }
  return {};
}

Result<std::string> PublishedCatalog::copyFiles(const std::string& from) {
  std::string copy = std::to_string(++last_copy_);
  std::error_code error;
  fs::copy(from, shared_ + "/" + copyPath(copy), fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
  if (!error) return copy;
  // Half of it, which nobody names: if it cannot be removed now, it is at the next start.
  (void)removeTree(*disk_, copyPath(copy));
  return fail(Error::fromErrno("copying its files from " + from, error.value()));
}

Result<void> PublishedCatalog::put(const FunctionName& name, catalog::Manifest manifest, const std::string& files,
                                   TimePoint now) {
  if (auto there = ensureFolder(*disk_, directory() + "/" + name.tenant, kFolderMode); !there) return there;
  std::string copy;
  if (!files.empty()) {
    auto copied = copyFiles(files);
    if (!copied) return fail(std::move(copied).error());
    copy = std::move(*copied);
    manifest.files = fmt::format("../{}/{}", kFiles, copy);
  }
  if (auto written = replaceFile(*disk_, manifestPath(name), catalog::toManifestText(manifest), kFileMode); !written) {
    return written;
  }
  retire(name, now);
  published_[name] = std::move(copy);
  return {};
}

Result<void> PublishedCatalog::remove(const FunctionName& name, TimePoint now) {
  if (!published_.contains(name)) return {};
  auto removed = disk_->remove(manifestPath(name));
  if (!removed && removed.error().code() != ErrorCode::kNotFound) return removed;
  retire(name, now);
  published_.erase(name);
  return {};
}

void PublishedCatalog::retire(const FunctionName& name, TimePoint now) {
  const auto known = published_.find(name);
  if (known != published_.end() && !known->second.empty()) retired_.emplace_back(now, known->second);
}

Result<void> PublishedCatalog::show() {
  if (is_shown_) return {};
  if (auto renamed = disk_->rename(directory(), "catalog"); !renamed) return renamed;
  is_shown_ = true;
  return disk_->syncFolder(".");
}

std::vector<FunctionName> PublishedCatalog::functions() const {
  std::vector<FunctionName> names;
  names.reserve(published_.size());
  for (const auto& [name, copy] : published_) names.push_back(name);
  return names;
}

void PublishedCatalog::sweep(TimePoint now) {
  const auto young = std::ranges::find_if(retired_, [&](const auto& entry) { return now - entry.first < kGrace; });
  // What cannot be removed now is at the next start.
  for (auto at = retired_.begin(); at != young; ++at) (void)removeTree(*disk_, copyPath(at->second));
  retired_.erase(retired_.begin(), young);
}

}  // namespace wasabi::companion
