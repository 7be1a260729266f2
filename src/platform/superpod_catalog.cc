#include "platform/superpod_catalog.h"

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "catalog/manifest_parser.h"
#include "catalog/store_layout.h"
#include "platform/disk.h"

namespace wasabi::platform {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kToml = ".toml";
constexpr const char* kFilesFolder = "files";
// What a superpod may read; its directory as a whole is closed to others by the one above it.
constexpr unsigned kOpenFolder = 0755;
constexpr unsigned kOpenFile = 0644;

Result<void> told(int status, const std::string& what) {
  if (status == 0) return {};
  return fail(Error::fromErrno(what, errno));
}

// Whatever the umask.
Result<void> makeFolders(const std::string& path, unsigned mode) {
  std::error_code error;
  if (fs::create_directories(path, error)) return told(chmod(path.c_str(), mode), path);
  if (error) return fail(Error::fromErrno("make " + path, error.value()));
  return {};
}

Result<void> putFile(const std::string& path, std::string_view content, unsigned mode,
                     const std::optional<std::uint32_t>& user, const std::optional<std::uint32_t>& group) {
  const fs::path file(path);
  auto disk = openDisk(file.parent_path());
  if (!disk) return fail(std::move(disk).error());
  const std::string unfinished = std::string(kUnfinishedPrefix) + file.filename().string();
  static_cast<void>((*disk)->remove(unfinished));
  auto put = (*disk)->write(unfinished, content, mode);
  const std::string whole = (file.parent_path() / unfinished).string();
  if (put) put = told(chmod(whole.c_str(), mode), whole);
  if (put && (user || group)) {
    put = told(chown(whole.c_str(), user.value_or(static_cast<uid_t>(-1)), group.value_or(static_cast<gid_t>(-1))),
               whole);
  }
  if (put) put = (*disk)->rename(unfinished, file.filename());
  if (!put) static_cast<void>((*disk)->remove(unfinished));
  return put;
}

Result<void> linkFile(const std::string& from, const std::string& to) {
  if (link(from.c_str(), to.c_str()) == 0) return {};
  if (errno == ENOENT) return fail(ErrorCode::kNotFound, from + " is not there");
  return fail(Error::fromErrno(fmt::format("link {} to {}", from, to), errno));
}

// The same files under other names; folders and links are made anew.
Result<void> linkTree(const std::string& from, const std::string& to) {
  std::error_code error;
  if (auto made = makeFolders(to, kOpenFolder); !made) return made;
  for (fs::recursive_directory_iterator at(from, error), end; !error && at != end; at.increment(error)) {
    const std::string target = to + at->path().string().substr(from.size());
    const fs::file_status status = at->symlink_status(error);
    if (error) break;
    if (fs::is_directory(status)) {
      if (auto made = makeFolders(target, kOpenFolder); !made) return made;
    } else if (fs::is_symlink(status)) {
      fs::copy_symlink(at->path(), target, error);
      if (error) break;
    } else if (auto linked = linkFile(at->path().string(), target); !linked) {
      return linked;
    }
  }
  if (error) return fail(Error::fromErrno("link " + from, error.value()));
  return {};
}

Result<void> checkInMemory(const std::string& path) {
  struct statfs status{};
  if (statfs(path.c_str(), &status) != 0) return fail(Error::fromErrno(path, errno));
  if (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC) return {};
  return fail(ErrorCode::kDenied, path + " is on a disk: secrets are only written to a file system in memory (tmpfs)");
}

bool exists(const std::string& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

// Both names are of one file: a compiled module that was built anew is another one.
bool isSameFile(const std::string& a, const std::string& b) {
  std::error_code error;
  return fs::equivalent(a, b, error);
}

std::vector<std::string> namesOf(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    names.push_back(at->path().filename().string());
  }
  return names;
}

// Without what holds for the platform alone; routes among it: the gateway has found the way.
std::string manifestOf(const Version& version, const SuperpodShare& share) {
  const catalog::FunctionSpec& spec = *version.spec;
  catalog::Manifest manifest;
  manifest.module = spec.module;
  manifest.limits = spec.limits;
  if (spec.limits.cpu) manifest.limits.cpu = share.cpu ? share.cpu : spec.limits.cpu;
  manifest.limits.concurrency = std::max<std::uint32_t>(share.concurrency, 1);
  manifest.environment = spec.environment;
  manifest.arguments = spec.arguments;
  manifest.command_http = spec.command_http;
  if (version.files) manifest.files = fmt::format("../{}/{}", kFilesFolder, version.files->toHex());
  manifest.outbound = spec.outbound;
  manifest.reuse = spec.reuse;
  manifest.secrets = spec.secrets;
  return catalog::toManifestText(manifest);
}

}  // namespace

SuperpodCatalog::SuperpodCatalog(const Blobs& blobs, SuperpodPlace place, GetSecret get_secret)
    : blobs_(&blobs), place_(std::move(place)), get_secret_(std::move(get_secret)) {}

Result<SuperpodCatalog> SuperpodCatalog::open(const Blobs& blobs, SuperpodPlace place, GetSecret get_secret) {
  SuperpodCatalog catalog(blobs, std::move(place), std::move(get_secret));
  if (auto made = catalog.makeAll(); !made) return fail(std::move(made).error());
  if (auto adopted = catalog.adopt(); !adopted) return fail(std::move(adopted).error());
  return catalog;
}

std::string SuperpodCatalog::manifestPath(const VersionName& version) const {
  return fmt::format("{}/catalog/{}{}", place_.directory, version.toString(), kToml);
}
std::string SuperpodCatalog::modulePath(const Digest& module) const {
  return fmt::format("{}/store/{}/{}", place_.directory, place_.fingerprint, catalog::compiledName(module));
}
std::string SuperpodCatalog::filesPath(const Digest& files) const {
  return fmt::format("{}/catalog/{}/{}", place_.directory, kFilesFolder, files.toHex());
}

Result<void> SuperpodCatalog::makeAll() const {
  for (const std::string& folder :
       {place_.directory, place_.directory + "/catalog", fmt::format("{}/catalog/{}", place_.directory, kFilesFolder),
        place_.directory + "/store", fmt::format("{}/store/{}", place_.directory, place_.fingerprint)}) {
    if (auto made = makeFolders(folder, kOpenFolder); !made) return made;
  }
  if (auto made = makeFolders(place_.secrets, 0700); !made) return made;
  return giveToBox(place_.secrets);
}

Result<void> SuperpodCatalog::giveToBox(const std::string& path) const {
  if (!place_.user && !place_.group) return {};
  return told(
      chown(path.c_str(), place_.user.value_or(static_cast<uid_t>(-1)), place_.group.value_or(static_cast<gid_t>(-1))),
      "give " + path + " to the box");
}

// What is there is what its manifests say; what they do not need is a rest of something interrupted.
Result<void> SuperpodCatalog::adopt() {
  const std::string root = place_.directory + "/catalog";
  for (const std::string& tenant : namesOf(root)) {
    if (tenant == kFilesFolder) continue;
    const std::string folder = fmt::format("{}/{}", root, tenant);
    auto disk = openDisk(folder);
    if (!disk) return fail(std::move(disk).error());
    for (const std::string& file : namesOf(folder)) {
      const std::string stem = file.substr(0, file.size() - std::min(file.size(), kToml.size()));
      auto name = parseVersionName(fmt::format("{}/{}", tenant, stem));
      auto text = (*disk)->read(file, catalog::kMaxManifestBytes);
      const catalog::ParsedManifest parsed = catalog::parseManifest(text ? *text : "");
      const auto* module = std::get_if<catalog::ModuleDigest>(&parsed.manifest.module);
      if (!name || !file.ends_with(kToml) || !parsed.problems.empty() || module == nullptr) {
        static_cast<void>((*disk)->remove(file));
        continue;
      }
      Placed placed{*module, std::nullopt, {parsed.manifest.secrets.begin(), parsed.manifest.secrets.end()}};
      const std::size_t slash = parsed.manifest.files.rfind('/');
      if (slash != std::string::npos) {
        if (auto files = catalog::parseModuleDigest(parsed.manifest.files.substr(slash + 1))) placed.files = *files;
      }
      placed_.emplace(std::move(*name), std::move(placed));
    }
  }
  return dropUnused();
}

Result<void> SuperpodCatalog::place(const Version& version, const SuperpodShare& share) {
  const VersionName name{version.name(), version.number};
  const Placed placed{
      version.spec->module, version.files, {version.spec->secrets.begin(), version.spec->secrets.end()}};
  const auto put = [&]() -> Result<void> {
    if (auto written = writeSecrets(version.name(), placed.secrets); !written) return written;
    if (auto linked = linkModule(placed.module); !linked) return linked;
    if (placed.files) {
      if (auto linked = linkFiles(*placed.files); !linked) return linked;
    }
    const std::string folder = fmt::format("{}/catalog/{}", place_.directory, version.name().tenant);
    if (auto made = makeFolders(folder, kOpenFolder); !made) return made;
    return putFile(manifestPath(name), manifestOf(version, share), kOpenFile, {}, {});
  };
  auto done = put();
  if (!done) {
    static_cast<void>(dropUnused());
    return done;
  }
  placed_.insert_or_assign(name, placed);
  return {};
}

Result<void> SuperpodCatalog::linkModule(const Digest& module) const {
  const std::string target = modulePath(module);
  const std::string source =
      fmt::format("{}/{}/{}", blobs_->storePath(), place_.fingerprint, catalog::compiledName(module));
  if (isSameFile(source, target)) return {};
  const std::string unfinished = fmt::format("{}/store/{}/{}{}", place_.directory, place_.fingerprint,
                                             kUnfinishedPrefix, catalog::compiledName(module));
  static_cast<void>(unlink(unfinished.c_str()));
  auto linked = linkFile(source, unfinished);
  if (linked) linked = told(::rename(unfinished.c_str(), target.c_str()), target);
  if (!linked && linked.error().code() == ErrorCode::kNotFound) {
    return fail(ErrorCode::kNotFound, fmt::format("module {} is not compiled for this engine", module.toHex()));
  }
  return linked;
}

Result<void> SuperpodCatalog::linkFiles(const Digest& files) const {
  const std::string target = filesPath(files);
  if (exists(target)) return {};
  const std::string unfinished =
      fmt::format("{}/catalog/{}/{}{}", place_.directory, kFilesFolder, kUnfinishedPrefix, files.toHex());
  std::error_code error;
  fs::remove_all(unfinished, error);
  auto linked = linkTree(blobs_->pathOf(BlobKind::kFiles, files), unfinished);
  if (linked) linked = told(::rename(unfinished.c_str(), target.c_str()), target);
  if (!linked) fs::remove_all(unfinished, error);
  return linked;
}

Result<void> SuperpodCatalog::writeSecrets(const FunctionName& name, const std::set<std::string>& secrets) const {
  if (secrets.empty()) return {};
  if (auto memory = checkInMemory(place_.secrets); !memory) return memory;
  const std::string folder = place_.secrets + "/" + name.tenant;
  if (auto made = makeFolders(folder, 0700); !made) return made;
  if (auto given = giveToBox(folder); !given) return given;
  for (const std::string& secret : secrets) {
    auto value = get_secret_(name.tenant, secret);
    if (!value) return fail(std::move(value).error());
    const std::string path = fmt::format("{}/{}", folder, secret);
    if (auto put = putFile(path, value->reveal(), 0600, place_.user, place_.group); !put) return put;
  }
  return {};
}

Result<void> SuperpodCatalog::remove(const VersionName& version) {
  if (placed_.erase(version) == 0) return {};
  if (unlink(manifestPath(version).c_str()) != 0 && errno != ENOENT) {
    return fail(Error::fromErrno("remove " + manifestPath(version), errno));
  }
  return dropUnused();
}

Result<void> SuperpodCatalog::dropUnused() {
  std::set<std::string> modules;
  std::set<std::string> files;
  std::map<std::string, std::set<std::string>> secrets;
  for (const auto& [name, placed] : placed_) {
    modules.insert(catalog::compiledName(placed.module));
    if (placed.files) files.insert(placed.files->toHex());
    if (!placed.secrets.empty()) secrets[name.function.tenant].insert(placed.secrets.begin(), placed.secrets.end());
  }
  std::error_code error;
  const auto drop = [&error](const std::string& folder, const auto& is_used) {
    for (const std::string& name : namesOf(folder)) {
      std::error_code failed;
      if (!is_used(name)) fs::remove_all(fmt::format("{}/{}", folder, name), failed);
      if (failed) error = failed;
    }
  };
  drop(fmt::format("{}/store/{}", place_.directory, place_.fingerprint),
       [&](const std::string& name) { return modules.contains(name); });
  drop(fmt::format("{}/catalog/{}", place_.directory, kFilesFolder),
       [&](const std::string& name) { return files.contains(name); });
  drop(place_.secrets, [&](const std::string& name) { return secrets.contains(name); });
  for (const auto& of_tenant : secrets) {
    const std::set<std::string>& used = of_tenant.second;
    drop(place_.secrets + "/" + of_tenant.first, [&used](const std::string& name) { return used.contains(name); });
  }
  if (error) return fail(Error::fromErrno("tidy " + place_.directory, error.value()));
  return {};
}

Result<void> SuperpodCatalog::clear() {
  for (const auto& [name, placed] : placed_) {
    if (unlink(manifestPath(name).c_str()) != 0 && errno != ENOENT) {
      return fail(Error::fromErrno("remove " + manifestPath(name), errno));
    }
  }
  placed_.clear();
  return dropUnused();
}

std::vector<VersionName> SuperpodCatalog::placed() const {
  std::vector<VersionName> names;
  names.reserve(placed_.size());
  for (const auto& [name, placed] : placed_) names.push_back(name);
  return names;
}

}  // namespace wasabi::platform
