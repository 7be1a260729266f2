#include "platform/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/file_descriptor.h"

namespace wasabi::platform {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;

Error errorOf(const std::string& what, int errno_value) {
  if (errno_value == ENOSPC || errno_value == EDQUOT) {
    return {ErrorCode::kExhausted, what + ": the disk is full; free some space where the data directory is"};
  }
  if (errno_value == EROFS) {
    return {ErrorCode::kDenied, what + ": the file system is read-only; mount it so that it can be written"};
  }
  return Error::fromErrno(what, errno_value);
}

class SystemDisk final : public Disk {
 public:
  explicit SystemDisk(FileDescriptor root) : root_(std::move(root)) {}

  Result<std::string> read(const std::string& path, std::size_t most) override {
    auto file = open(path, O_RDONLY | O_NONBLOCK);
    if (!file) return fail(std::move(file).error());
    std::string content;
    struct stat status{};
    if (fstat(file->get(), &status) != 0) return fail(errorOf(path, errno));
    if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kInvalid, path + " is not a regular file");
    while (content.size() <= most) {
      const std::size_t had = content.size();
      // One byte more than it should have, so that its end is seen with the first call.
      const std::size_t expected = static_cast<std::size_t>(status.st_size) + 1;
      content.resize(expected > had ? expected : had + kPieceBytes);
      const ssize_t got = ::read(file->get(), content.data() + had, content.size() - had);
      content.resize(had + static_cast<std::size_t>(got > 0 ? got : 0));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail(errorOf(path, errno));
      if (got == 0) return content;
    }
    return fail(ErrorCode::kInvalid, path + " has more than " + std::to_string(most) + " bytes");
  }

  Result<void> write(const std::string& path, std::string_view content, unsigned mode) override {
    auto file = open(path, O_WRONLY | O_CREAT | O_EXCL, mode);
    if (!file) return fail(std::move(file).error());
    while (!content.empty()) {
      const ssize_t put = ::write(file->get(), content.data(), content.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return fail(errorOf("write " + path, errno));
      content.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
  }

  Result<void> syncFile(const std::string& path) override { return sync(path, O_RDONLY); }
  Result<void> syncFolder(const std::string& path) override { return sync(path, O_RDONLY | O_DIRECTORY); }

  Result<void> rename(const std::string& from, const std::string& to) override {
    return told(renameat(root_.get(), from.c_str(), root_.get(), to.c_str()), "rename " + from + " to " + to);
  }
  Result<void> remove(const std::string& path) override {
    return told(unlinkat(root_.get(), path.c_str(), 0), "remove " + path);
  }
  Result<void> makeFolder(const std::string& path, unsigned mode) override {
    return told(mkdirat(root_.get(), path.c_str(), mode), "make the folder " + path);
  }
  Result<void> removeFolder(const std::string& path) override {
    return told(unlinkat(root_.get(), path.c_str(), AT_REMOVEDIR), "remove the folder " + path);
  }

  Result<std::vector<DiskEntry>> list(const std::string& path) override {
    auto folder = open(path, O_RDONLY | O_DIRECTORY);
    if (!folder) return fail(std::move(folder).error());
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(folder->get()), closedir);
    if (!stream) return fail(errorOf(path, errno));
    const int folder_fd = folder->release();
    std::vector<DiskEntry> entries;
    while (true) {
      errno = 0;
      const dirent* entry = readdir(stream.get());  // NOLINT(concurrency-mt-unsafe): a stream of its own
      if (entry == nullptr) break;
      if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
      bool is_folder = entry->d_type == DT_DIR;
      if (entry->d_type == DT_UNKNOWN) {
        struct stat status{};
        is_folder = fstatat(folder_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
      }
      entries.push_back({entry->d_name, is_folder});
    }
    if (errno != 0) return fail(errorOf(path, errno));
    return entries;
  }

 private:
  Result<FileDescriptor> open(const std::string& path, int flags, unsigned mode = 0) {
    FileDescriptor file(openat(root_.get(), path.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!file.valid()) return fail(errorOf(path, errno));
    return file;
  }

  Result<void> sync(const std::string& path, int flags) {
    auto file = open(path, flags);
    if (!file) return fail(std::move(file).error());
    return told(fsync(file->get()), "sync " + path);
  }

  static Result<void> told(int status, const std::string& what) {
    if (status == 0) return {};
    return fail(errorOf(what, errno));
  }

  FileDescriptor root_;
};

}  // namespace

Result<std::unique_ptr<Disk>> openDisk(const std::string& directory) {
  FileDescriptor root(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return fail(errorOf(directory, errno));
  return std::make_unique<SystemDisk>(std::move(root));
}

std::string folderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

Result<void> replaceFile(Disk& disk, const std::string& path, std::string_view content, unsigned mode) {
  const std::string folder = folderOf(path);
  const std::string name = folder == "." ? path : path.substr(folder.size() + 1);
  // Of one writer at a time: whoever writes a file holds the lock of what it is part of.
  const std::string unfinished = (folder == "." ? "" : folder + "/") + std::string(kUnfinishedPrefix) + name;
  auto written = disk.write(unfinished, content, mode);
  if (!written && written.error().code() == ErrorCode::kConflict) {
    // Left by a write that failed and could not be tidied up.
    if (auto removed = disk.remove(unfinished); !removed) return removed;
    written = disk.write(unfinished, content, mode);
  }
  if (written) written = disk.syncFile(unfinished);
  if (written) written = disk.rename(unfinished, path);
  if (!written) {
    static_cast<void>(disk.remove(unfinished));
    return written;
  }
  return disk.syncFolder(folder);
}

Result<void> ensureFolder(Disk& disk, const std::string& path, unsigned mode) {
  auto made = disk.makeFolder(path, mode);
  if (!made && made.error().code() != ErrorCode::kConflict) return made;
  // Also where it was there already: who made it may have died before this.
  return disk.syncFolder(folderOf(path));
}

Result<void> removeTree(Disk& disk, const std::string& path) {
  auto entries = disk.list(path);
  if (!entries && entries.error().code() == ErrorCode::kNotFound) return {};
  if (!entries) return fail(std::move(entries).error());
  for (const DiskEntry& entry : *entries) {
    const std::string inner = path + "/" + entry.name;
    auto removed = entry.is_folder ? removeTree(disk, inner) : disk.remove(inner);
    if (!removed && removed.error().code() != ErrorCode::kNotFound) return removed;
  }
  return disk.removeFolder(path);
}

}  // namespace wasabi::platform
