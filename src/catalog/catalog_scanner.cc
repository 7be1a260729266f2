#include "catalog/catalog_scanner.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>

#include "catalog/beneath.h"

namespace wasabi::catalog {
namespace {

using namespace std::chrono_literals;

constexpr Duration kSettleTime = 200ms;
constexpr Duration kRetryTime = 1s;
constexpr std::string_view kManifestSuffix = ".toml";
// Modules by their digest; not a tenant.
constexpr std::string_view kModulesFolder = "modules";

// Names in an open folder, but for those that begin with a dot.
Result<std::vector<std::string>> listNames(int directory_fd, const std::string& path) {
  auto folder = openBeneath(directory_fd, path, O_RDONLY | O_DIRECTORY);
  if (!folder) return fail(std::move(folder).error());
  std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(folder->get()), closedir);
  if (!stream) return fail(Error::fromErrno(path, errno));
  folder->release();
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = readdir(stream.get());
    if (entry == nullptr) break;
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  if (errno != 0) return fail(Error::fromErrno(path, errno));
  std::sort(names.begin(), names.end());
  return names;
}

bool isDirectory(int directory_fd, const std::string& path) {
  struct stat status{};
  return fstatat(directory_fd, path.c_str(), &status, 0) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

struct CatalogScanner::Scan {
  int directory_fd;
  std::int64_t unix_now;
  Haste haste;
  std::vector<CatalogProblem> folder_problems;
  Outcome outcome;

  // A stamp from the future says nothing, and must not keep a file out for ever.
  bool isYoung(const FileStamp& stamp) const {
    const std::int64_t age = unix_now - std::max(stamp.modified_ns, stamp.changed_ns);
    return age >= 0 && age < kSettleTime.count();
  }
  bool isSettled(const FileStamp& stamp) const { return haste == Haste::kTakeAll || !isYoung(stamp); }

  void again(Duration delay) { outcome.scan_again_in = std::min(delay, outcome.scan_again_in.value_or(delay)); }
};

Result<CatalogScanner::Outcome> CatalogScanner::scan(std::int64_t unix_now, Haste haste) {
  FileDescriptor directory(open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return fail(Error::fromErrno(directory_, errno));
  auto names = listNames(directory.get(), ".");
  if (!names) return fail(std::move(names).error().within(directory_));

  Scan scan{directory.get(), unix_now, haste, {}, {}};
  std::set<std::string> tenants;
  for (std::string& name : *names) {
    if (name == kModulesFolder) continue;
    if (isDirectory(directory.get(), name)) {
      scanTenant(scan, name);
      tenants.insert(std::move(name));
    } else if (name.ends_with(kManifestSuffix)) {
      scan.folder_problems.push_back(
          {directory_ + "/" + name, 0, "a manifest lies in the folder of its tenant: <tenant>/<function>.toml"});
    }
  }
  tenants_ = std::move(tenants);
  removeUnseen(scan);
  reader_.forgetUnusedDigests();
  if (scan.folder_problems != folder_problems_) scan.outcome.changed = true;
  folder_problems_ = std::move(scan.folder_problems);
  return scan.outcome;
}

void CatalogScanner::scanTenant(Scan& scan, const std::string& tenant) {
  auto names = listNames(scan.directory_fd, tenant);
  const std::string folder = directory_ + "/" + tenant;
  if (!names) {
    // Gone in this moment is gone; anything else may pass, and its functions stay.
    if (names.error().code() != ErrorCode::kNotFound) {
      scan.folder_problems.push_back({folder, 0, names.error().message()});
      scan.again(kRetryTime);
      keepTenant(tenant);
    }
    return;
  }
  for (const std::string& file : *names) {
    if (!file.ends_with(kManifestSuffix)) continue;
    const FunctionName name{tenant, file.substr(0, file.size() - kManifestSuffix.size())};
    if (!isLabel(name.tenant) || !isFunction(name.function)) {
      const std::string& wrong = isLabel(name.tenant) ? name.function : name.tenant;
      scan.folder_problems.push_back(
          {folder + "/" + file, 0,
           fmt::format("'{}' is not a name: 1 to 63 of a-z, 0-9 and '-', no '-' at either end", wrong)});
    } else {
      scanManifest(scan, name);
    }
  }
}

bool CatalogScanner::isFunction(std::string_view text) const {
  return isLabel(text) || (names_ == NameForm::kPlainOrNumbered && isNumberedLabel(text));
}

void CatalogScanner::keepTenant(const std::string& tenant) {
  for (auto at = entries_.lower_bound({tenant, ""}); at != entries_.end() && at->first.tenant == tenant; ++at) {
    at->second.seen = true;
    for (const Dependency& dependency : at->second.dependencies) reader_.keepDigest(dependency.path);
  }
}

bool CatalogScanner::isUnchanged(const Scan& scan, const Entry& entry, const FileStamp& stamp) const {
  return entry.stamp == stamp && std::ranges::all_of(entry.dependencies, [&](const Dependency& dependency) {
           return stampBeneath(scan.directory_fd, dependency.path) == dependency.stamp;
         });
}

void CatalogScanner::scanManifest(Scan& scan, const FunctionName& name) {
  const FileStamp stamp = stampBeneath(scan.directory_fd, name.toString() + ".toml");
  const auto known = entries_.find(name);
  if (known != entries_.end()) {
    Entry& entry = known->second;
    entry.seen = true;
    for (const Dependency& dependency : entry.dependencies) reader_.keepDigest(dependency.path);
    if (isUnchanged(scan, entry, stamp)) return;
  } else if (entries_.size() >= kMaxFunctions) {
    scan.folder_problems.push_back({directory_ + "/" + name.toString() + ".toml", 0,
                                    fmt::format("a catalog may have {} functions", kMaxFunctions)});
    return;
  }
  if (!scan.isSettled(stamp)) return scan.again(kSettleTime);
  ReadFunction read =
      reader_.read(scan.directory_fd, name, [&scan](const FileStamp& of) { return scan.isSettled(of); });
  if (read.unsettled) return scan.again(kSettleTime);
  accept(scan, name, stamp, std::move(read));
}

void CatalogScanner::accept(Scan& scan, const FunctionName& name, const FileStamp& stamp, ReadFunction read) {
  Entry& entry = entries_[name];
  entry.seen = true;
  entry.stamp = stamp;
  bool young = scan.isYoung(stamp);
  for (const Dependency& dependency : read.dependencies) young = young || scan.isYoung(dependency.stamp);
  if (read.retry) scan.again(kRetryTime);
  if (young) scan.again(kSettleTime);
  // A file can be written again within the resolution of its times: such a stamp is not to be relied on.
  if (young || read.retry) entry.stamp = FileStamp{};
  entry.dependencies = std::move(read.dependencies);
  entry.dependencies.shrink_to_fit();
  const bool same = read.function == nullptr || (entry.function && *entry.function == *read.function);
  const bool same_problems = entry.problems == read.problems;
  if (!same) entry.function = std::move(read.function);
  entry.problems = std::move(read.problems);
  scan.outcome.changed = scan.outcome.changed || !same || !same_problems;
}

void CatalogScanner::removeUnseen(Scan& scan) {
  const auto removed = std::erase_if(entries_, [](const auto& entry) { return !entry.second.seen; });
  scan.outcome.changed = scan.outcome.changed || removed > 0;
  for (auto& [name, entry] : entries_) entry.seen = false;
}

std::vector<FunctionPtr> CatalogScanner::functions() const {
  std::vector<FunctionPtr> functions;
  functions.reserve(entries_.size());
  for (const auto& [name, entry] : entries_) {
    if (entry.function) functions.push_back(entry.function);
  }
  return functions;
}

std::vector<CatalogProblem> CatalogScanner::problems() const {
  std::vector<CatalogProblem> problems = folder_problems_;
  for (const auto& [name, entry] : entries_)
    problems.insert(problems.end(), entry.problems.begin(), entry.problems.end());
  return problems;
}

std::set<std::string> CatalogScanner::directories() const {
  std::set<std::string> directories = {directory_};
  for (const std::string& tenant : tenants_) directories.insert(directory_ + "/" + tenant);
  for (const auto& [name, entry] : entries_) {
    for (const Dependency& dependency : entry.dependencies) {
      const std::size_t slash = dependency.path.rfind('/');
      if (slash != std::string::npos) directories.insert(directory_ + "/" + dependency.path.substr(0, slash));
    }
  }
  return directories;
}

}  // namespace wasabi::catalog
