#include "catalog/store_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <set>
#include <utility>
#include <vector>

#include "catalog/compiled_trailer.h"
#include "catalog/digest.h"
#include "catalog/store_layout.h"

namespace wasabi::catalog {
namespace {

std::string randomName() {
  std::array<std::uint8_t, 12> bytes{};
  // Never short for so few bytes; a name that is taken is refused by O_EXCL anyway.
  [[maybe_unused]] const ssize_t got = getrandom(bytes.data(), bytes.size(), 0);
  return std::string(kUnfinishedPrefix) + toHex(bytes.data(), bytes.size());
}

Result<void> writeAt(int fd, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t put = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail(Error::fromErrno("write", errno));
    bytes.remove_prefix(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

// Removes what nobody holds the lock of: its writer is gone.
void removeIfAbandoned(int folder_fd, const std::string& name) {
  FileDescriptor file(openat(folder_fd, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (file.valid() && flock(file.get(), LOCK_EX | LOCK_NB) == 0) unlinkat(folder_fd, name.c_str(), 0);
}

struct StoredFile {
  std::int64_t built_seconds;
  std::uint64_t size;
  std::string path;  // relative to the store
};

std::vector<StoredFile> storedFiles(int root_fd, const std::string& folder) {
  std::vector<StoredFile> files;
  for (const std::string& name : namesIn(root_fd, folder)) {
    if (!moduleOfName(name)) continue;
    std::string path = folder + "/" + name;
    struct stat status{};
    if (fstatat(root_fd, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    files.push_back({status.st_mtim.tv_sec, static_cast<std::uint64_t>(status.st_size), std::move(path)});
  }
  return files;
}

}  // namespace

UnfinishedFile::UnfinishedFile(UnfinishedFile&& other) noexcept
    : folder_fd_(other.folder_fd_), name_(std::exchange(other.name_, {})), file_(std::move(other.file_)) {}

UnfinishedFile::~UnfinishedFile() {
  if (!name_.empty()) unlinkat(folder_fd_, name_.c_str(), 0);
}

Result<StoreWriter> StoreWriter::open(const std::string& directory, const std::string& fingerprint) {
  if (auto checked = checkFingerprint(fingerprint); !checked) return fail(std::move(checked).error());
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(directory) / fingerprint, error);
  const std::string context = "store of compiled modules " + directory;
  if (error) return fail(Error::fromErrno(context, error.value()));
  FileDescriptor root(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return fail(Error::fromErrno(context, errno));
  FileDescriptor folder(openat(root.get(), fingerprint.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder.valid()) return fail(Error::fromErrno(context, errno));
  StoreWriter writer(directory, fingerprint, std::move(root), std::move(folder));
  if (auto tried = writer.create(); !tried) return fail(std::move(tried).error());
  return writer;
}

Result<UnfinishedFile> StoreWriter::create() const {
  std::string name = randomName();
  FileDescriptor file(openat(folder_.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  const std::string context = "store of compiled modules " + directory_;
  if (!file.valid()) return fail(Error::fromErrno(context, errno));
  UnfinishedFile unfinished(folder_.get(), std::move(name), std::move(file));
  if (flock(unfinished.fd(), LOCK_EX | LOCK_NB) != 0) return fail(Error::fromErrno(context, errno));
  return unfinished;
}

Result<void> StoreWriter::appendTrailer(int fd, const ModuleDigest& module, const SigningKey& key) const {
  struct stat status{};
  if (fstat(fd, &status) != 0) return fail(Error::fromErrno("fstat", errno));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size == 0 || size > kMaxCompiledBytes.value - kCompiledTrailerBytes) {
    return fail(ErrorCode::kInvalid, fmt::format("a compiled module of {} bytes cannot be stored", size));
  }
  auto code = sha256OfFile(fd, size);
  if (!code) return fail(std::move(code).error());
  return writeAt(fd, encodeTrailer({size, sha256(fingerprint_), module, *code}, key), size);
}

Result<void> StoreWriter::publish(UnfinishedFile file, const ModuleDigest& module, const SigningKey& key) const {
  const std::string context = "store of compiled modules " + directory_;
  if (auto appended = appendTrailer(file.fd(), module, key); !appended)
    return fail(std::move(appended).error().within(context));
  // Nobody writes it again, not even we.
  if (fchmod(file.fd(), 0444) != 0 || fsync(file.fd()) != 0) return fail(Error::fromErrno(context, errno));
  if (renameat(folder_.get(), file.name().c_str(), folder_.get(), compiledName(module).c_str()) != 0) {
    return fail(Error::fromErrno(context, errno));
  }
  file.published();
  if (fsync(folder_.get()) != 0) return fail(Error::fromErrno(context, errno));
  return {};
}

void StoreWriter::collect(ByteSize limit) const {
  std::vector<StoredFile> files = storedFiles(root_.get(), fingerprint_);
  std::set<std::string> built;
  for (const StoredFile& file : files) built.insert(file.path.substr(fingerprint_.size() + 1));
  for (const std::string& folder : namesIn(root_.get(), ".")) {
    if (!isFingerprint(folder)) continue;
    FileDescriptor opened(openat(root_.get(), folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!opened.valid()) continue;
    for (const std::string& name : namesIn(opened.get(), ".")) {
      if (name.starts_with(kUnfinishedPrefix)) removeIfAbandoned(opened.get(), name);
    }
    if (folder == fingerprint_) continue;
    for (StoredFile& file : storedFiles(root_.get(), folder)) {
      if (built.contains(file.path.substr(folder.size() + 1))) {
        unlinkat(root_.get(), file.path.c_str(), 0);
      } else {
        files.push_back(std::move(file));
      }
    }
    // Only goes if it is empty.
    unlinkat(root_.get(), folder.c_str(), AT_REMOVEDIR);
  }
  std::uint64_t total = 0;
  for (const StoredFile& file : files) total += file.size;
  std::ranges::sort(files, {}, &StoredFile::built_seconds);
  for (const StoredFile& file : files) {
    if (total <= limit.value) break;
    if (unlinkat(root_.get(), file.path.c_str(), 0) == 0) total -= file.size;
  }
}

}  // namespace wasabi::catalog
