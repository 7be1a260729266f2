#include "oci/beneath.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

namespace wasabi::oci {
namespace {

using Stream = std::unique_ptr<DIR, int (*)(DIR*)>;

// One directory on the way down while a tree is removed.
struct Level {
  Stream stream;
  std::string name;  // in the level above
};

bool isDots(const char* name) {
  return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0;
}

Result<Stream> openStream(int directory_fd, const std::string& name) {
  FileDescriptor fd(openat(directory_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid() && errno == EACCES && fchmodat(directory_fd, name.c_str(), 0700, 0) == 0) {
    fd = FileDescriptor(openat(directory_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  }
  if (!fd.valid()) return fail(Error::fromErrno(name, errno));
  // Who is not root empties only what he may write.
  if (geteuid() != 0) (void)fchmod(fd.get(), 0700);
  Stream stream(fdopendir(fd.get()), closedir);
  if (!stream) return fail(Error::fromErrno(name, errno));
  fd.release();
  return stream;
}

// Removes files of the innermost directory until it is empty (true) or has a directory to go down to (false).
Result<bool> emptyFiles(DIR* stream, std::string& directory) {
  while (true) {
    errno = 0;
    const dirent* entry = readdir(stream);
    if (entry == nullptr) break;
    if (isDots(entry->d_name)) continue;
    if (unlinkat(dirfd(stream), entry->d_name, 0) == 0 || errno == ENOENT) continue;
    if (errno != EISDIR && errno != EPERM) return fail(Error::fromErrno(entry->d_name, errno));
    directory = entry->d_name;
    return false;
  }
  if (errno != 0) return fail(Error::fromErrno("readdir", errno));
  return true;
}

}  // namespace

Result<FileDescriptor> openBeneath(int directory_fd, const std::string& path, int flags, Resolve resolve, mode_t mode) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.mode = mode;
  if (resolve == Resolve::kInRoot) how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  if (resolve == Resolve::kBeneath) how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  if (resolve == Resolve::kNoLinks) how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  for (int attempt = 0;; ++attempt) {
    const long fd = syscall(SYS_openat2, directory_fd, path.c_str(), &how, sizeof how);
    if (fd >= 0) return FileDescriptor(static_cast<int>(fd));
    // The kernel asks to try again when something on the way was renamed at the same moment.
    if (errno == EINTR || (errno == EAGAIN && attempt < 10)) continue;
    if (errno == EXDEV) return fail(ErrorCode::kDenied, path + ": leads out of its directory");
    if (errno == ELOOP) return fail(ErrorCode::kDenied, path + ": a link, or links that lead in a circle");
    return fail(Error::fromErrno(path, errno));
  }
}

Result<FileDescriptor> openDirectory(const std::string& path) {
  FileDescriptor fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return fail(Error::fromErrno(path, errno));
  return fd;
}

Result<FileDescriptor> makeDirectory(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return fail(Error::fromErrno(path, errno));
  return openDirectory(path);
}

Result<std::string> readFileBeneath(int directory_fd, const std::string& path, ByteSize limit, Resolve resolve) {
  auto file = openBeneath(directory_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, resolve);
  if (!file) return fail(std::move(file).error());
  struct stat status{};
  if (fstat(file->get(), &status) != 0) return fail(Error::fromErrno(path, errno));
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kInvalid, path + ": not a regular file");
  if (static_cast<std::uint64_t>(status.st_size) > limit.value) {
    return fail(ErrorCode::kExhausted,
                fmt::format("{}: {} bytes of at most {}", path, status.st_size, toString(limit)));
  }
  std::string content(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t got = read(file->get(), content.data() + done, content.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Error::fromErrno(path, errno));
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  content.resize(done);
  return content;
}

Result<void> writeAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail(Error::fromErrno("write", errno));
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Result<void> removeTree(int directory_fd, const std::string& name) {
  if (unlinkat(directory_fd, name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR && errno != EPERM) return fail(Error::fromErrno(name, errno));
  std::vector<Level> levels;
  auto first = openStream(directory_fd, name);
  if (!first) return fail(std::move(first).error());
  levels.push_back({*std::move(first), name});
  while (!levels.empty()) {
    std::string inner;
    auto emptied = emptyFiles(levels.back().stream.get(), inner);
    if (!emptied) return fail(std::move(emptied).error());
    if (!*emptied) {
      auto stream = openStream(dirfd(levels.back().stream.get()), inner);
      if (!stream) return fail(std::move(stream).error());
      levels.push_back({*std::move(stream), inner});
      continue;
    }
    const std::string done = std::move(levels.back().name);
    levels.pop_back();
    const int above = levels.empty() ? directory_fd : dirfd(levels.back().stream.get());
    if (unlinkat(above, done.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
      return fail(Error::fromErrno(done, errno));
    }
    // Names were taken out under the stream's feet.
    if (!levels.empty()) rewinddir(levels.back().stream.get());
  }
  return {};
}

}  // namespace wasabi::oci
