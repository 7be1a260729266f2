#include "catalog/module_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <set>
#include <unordered_map>

#include "catalog/compiled_trailer.h"
#include "catalog/digest.h"
#include "catalog/file_stamp.h"
#include "catalog/store_layout.h"

namespace wasabi::catalog {
namespace {

constexpr int kMostChecks = 5;  // of a file that changes each time

// Enough for every function of a full box; beyond it some are hashed again.
constexpr std::size_t kMaxVerified = 16'384;

// Which files were found good, by what they have to be. Thread-safe.
class VerifiedFiles {
 public:
  bool contains(const ModuleDigest& module, const FileStamp& stamp) const {
    std::lock_guard lock(mutex_);
    const auto known = stamps_.find(module);
    return known != stamps_.end() && known->second == stamp;
  }

  void add(const ModuleDigest& module, const FileStamp& stamp) {
    std::lock_guard lock(mutex_);
    if (stamps_.size() >= kMaxVerified && !stamps_.contains(module)) stamps_.erase(stamps_.begin());
    stamps_.insert_or_assign(module, stamp);
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<ModuleDigest, FileStamp, ModuleDigestHash> stamps_;
};

Result<std::string> readTrailer(int fd, std::uint64_t file_size) {
  std::string trailer(kCompiledTrailerBytes, '\0');
  const ssize_t got = pread(fd, trailer.data(), trailer.size(), static_cast<off_t>(file_size - trailer.size()));
  if (got < 0) return fail(Error::fromErrno("read", errno));
  trailer.resize(static_cast<std::size_t>(got));
  return trailer;
}

}  // namespace

struct ModuleStore::Impl {
  std::string directory;
  std::string fingerprint;
  Sha256Bytes engine;
  VerifyKey key;
  FileDescriptor folder;
  uid_t owner;
  VerifiedFiles verified;

  Result<FileStamp> checkFile(int fd) const;
  Result<void> checkContent(const HeldFile& file, const FileStamp& stamp, const ModuleDigest& module) const;
};

Result<std::unique_ptr<ModuleStore>> ModuleStore::open(std::string directory, std::string engine_fingerprint,
                                                       VerifyKey key) {
  if (auto checked = checkFingerprint(engine_fingerprint); !checked) return fail(std::move(checked).error());
  FileDescriptor folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status{};
  if (!folder.valid() || fstat(folder.get(), &status) != 0) {
    return fail(Error::fromErrno("store of compiled modules " + directory, errno));
  }
  const Sha256Bytes engine = sha256(engine_fingerprint);
  auto impl = std::unique_ptr<Impl>(
      new Impl{std::move(directory), std::move(engine_fingerprint), engine, key, std::move(folder), status.st_uid, {}});
  return std::unique_ptr<ModuleStore>(new ModuleStore(std::move(impl)));
}

ModuleStore::ModuleStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ModuleStore::~ModuleStore() = default;

// What can be told without reading. A file that others may write could change after it was checked.
Result<FileStamp> ModuleStore::Impl::checkFile(int fd) const {
  struct stat status{};
  if (fstat(fd, &status) != 0) return fail(Error::fromErrno("fstat", errno));
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kCorrupt, "it is not a regular file");
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("others than its owner may write it (mode {:04o})", status.st_mode & 07777));
  }
  // In a container the store may belong to a user that has no number here; then its files must be of the same.
  if (status.st_uid != 0 && status.st_uid != owner && status.st_uid != geteuid()) {
    return fail(ErrorCode::kCorrupt, fmt::format("it belongs to user {}, the store to {}", status.st_uid, owner));
  }
  const FileStamp stamp = stampOf(status);
  if (stamp.size <= kCompiledTrailerBytes || stamp.size > kMaxCompiledBytes.value) {
    return fail(ErrorCode::kCorrupt, fmt::format("it has {} bytes, which no compiled module has", stamp.size));
  }
  return stamp;
}

// kConflict: it may have changed meanwhile.
Result<void> ModuleStore::Impl::checkContent(const HeldFile& file, const FileStamp& stamp,
                                             const ModuleDigest& module) const {
  const int fd = file.descriptor().get();
  auto trailer = readTrailer(fd, stamp.size);
  if (!trailer) return fail(std::move(trailer).error());
  auto identity = decodeTrailer(*trailer, key);
  if (!identity) return fail(std::move(identity).error());
  if (identity->engine != engine) return fail(ErrorCode::kCorrupt, "it was compiled for another engine");
  if (identity->module != module) {
    return fail(ErrorCode::kCorrupt, "it was compiled from another module, " + identity->module.toHex());
  }
  if (identity->code_size != stamp.size - kCompiledTrailerBytes) {
    return fail(ErrorCode::kCorrupt, fmt::format("it has {} bytes of code instead of {}",
                                                 stamp.size - kCompiledTrailerBytes, identity->code_size));
  }
  auto code = sha256OfFile(fd, identity->code_size);
  if (!code) return fail(std::move(code).error());
  if (*code != identity->code)
    return fail(ErrorCode::kCorrupt, "its code does not have the signed digest (it was damaged or changed)");
  struct stat status{};
  if (fstat(fd, &status) != 0) return fail(Error::fromErrno("fstat", errno));
  FileStamp now = stampOf(status);
  // A file that is held has not been written, but others may have been given links to it, or lost them.
  if (!file.whyNotHeld() && !file.isWanted()) now.changed_ns = stamp.changed_ns;
  if (now != stamp) return fail(ErrorCode::kConflict, "it changed while it was checked");
  return {};
}

Result<HeldFile> ModuleStore::openVerified(const ModuleDigest& module) {
  const std::string name = impl_->fingerprint + "/" + compiledName(module);
  const auto context = [&] { return fmt::format("compiled module {}/{}", impl_->directory, name); };
  // O_NONBLOCK: a pipe in the place of the file must not hang us before it is seen to be one.
  FileDescriptor file(openat(impl_->folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) {
    if (errno == ELOOP) return fail(Error(ErrorCode::kCorrupt, "it is a symbolic link").within(context()));
    return fail(Error::fromErrno(context(), errno));
  }
  // First of all, so that what is verified is what will be mapped.
  auto held = HeldFile::hold(std::move(file));
  if (!held) return fail(std::move(held).error().within(context()));
  for (int attempt = 1;; ++attempt) {
    auto stamp = impl_->checkFile(held->descriptor().get());
    if (!stamp) return fail(std::move(stamp).error().within(context()));
    if (impl_->verified.contains(module, *stamp)) return held;
    auto checked = impl_->checkContent(*held, *stamp, module);
    if (checked) {
      impl_->verified.add(module, *stamp);
      return held;
    }
    const bool again = checked.error().code() == ErrorCode::kConflict && attempt < kMostChecks;
    if (!again) return fail(std::move(checked).error().within(context()));
  }
}

bool ModuleStore::has(const ModuleDigest& module) const {
  const std::string name = impl_->fingerprint + "/" + compiledName(module);
  struct stat status{};
  return fstatat(impl_->folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

std::vector<ModuleDigest> ModuleStore::builtForOtherEngines() const {
  std::set<ModuleDigest> found;
  for (const std::string& folder : namesIn(impl_->folder.get(), ".")) {
    if (!isFingerprint(folder) || folder == impl_->fingerprint) continue;
    for (const std::string& name : namesIn(impl_->folder.get(), folder)) {
      if (const auto module = moduleOfName(name)) found.insert(*module);
    }
  }
  if (found.empty()) return {};
  for (const std::string& name : namesIn(impl_->folder.get(), impl_->fingerprint)) {
    if (const auto module = moduleOfName(name)) found.erase(*module);
  }
  return {found.begin(), found.end()};
}

}  // namespace wasabi::catalog
