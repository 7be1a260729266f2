#include "platform/tree_copy.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

namespace wasabi::platform {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxAttributeBytes = 64 << 10;

fs::file_status statusOf(const std::string& path) {
  std::error_code error;
  return fs::symlink_status(path, error);
}

Result<void> copyExtended(const std::string& source, const std::string& target) {
  std::vector<char> names(kMaxAttributeBytes);
  const ssize_t size = llistxattr(source.c_str(), names.data(), names.size());
  if (size < 0 && errno == ENOTSUP) return {};
  if (size < 0) return fail(Error::fromErrno("attributes of " + source, errno));
  std::vector<char> value(kMaxAttributeBytes);
  for (const char* name = names.data(); name < names.data() + size; name += std::string_view(name).size() + 1) {
    const ssize_t bytes = lgetxattr(source.c_str(), name, value.data(), value.size());
    if (bytes < 0 || lsetxattr(target.c_str(), name, value.data(), static_cast<std::size_t>(bytes), 0) != 0) {
      return fail(Error::fromErrno(fmt::format("attribute {} of {}", name, source), errno));
    }
  }
  return {};
}

Result<void> copyAttributes(const std::string& source, const std::string& target) {
  struct stat status{};
  if (lstat(source.c_str(), &status) != 0) return fail(Error::fromErrno(source, errno));
  if (lchown(target.c_str(), status.st_uid, status.st_gid) != 0)
    return fail(Error::fromErrno("chown " + target, errno));
  // After the owner, whose change takes bits away.
  if (!S_ISLNK(status.st_mode) && chmod(target.c_str(), status.st_mode & 07777) != 0) {
    return fail(Error::fromErrno("chmod " + target, errno));
  }
  if (auto extended = copyExtended(source, target); !extended) return extended;
  const std::array<timespec, 2> times = {status.st_atim, status.st_mtim};
  if (utimensat(AT_FDCWD, target.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0) {
    return fail(Error::fromErrno("times of " + target, errno));
  }
  return {};
}

Result<void> makeDevice(const std::string& source, const std::string& target) {
  struct stat status{};
  if (lstat(source.c_str(), &status) != 0) return fail(Error::fromErrno(source, errno));
  if (mknod(target.c_str(), status.st_mode, status.st_rdev) != 0)
    return fail(Error::fromErrno("make " + target, errno));
  return {};
}

}  // namespace

Result<void> TreeCopy::take(std::string_view name, Names names) {
  const std::string source = fmt::format("{}/{}", from_, name);
  const fs::file_status status = statusOf(source);
  if (!fs::exists(status)) return {};
  return fs::is_directory(status) ? takeTree(source, names) : takeFile(source, status);
}

Result<void> TreeCopy::copyOne(const std::string& name) {
  const std::string source = from_ + "/" + name;
  const fs::file_status status = statusOf(source);
  return fs::exists(status) ? copy(source, status) : Result<void>();
}

Result<void> TreeCopy::takeTree(const std::string& source, Names names) {
  if (auto made = makeFolder(source); !made) return fail(std::move(made).error());
  std::error_code error;
  for (fs::recursive_directory_iterator at(source, error), end; !error && at != end; at.increment(error)) {
    const std::string path = at->path().string();
    if (names == Names::kFinished && at->path().filename().string().starts_with('.')) {
      at.disable_recursion_pending();
      continue;
    }
    const fs::file_status status = statusOf(path);
    if (!fs::is_directory(status)) {
      if (auto taken = takeFile(path, status); !taken) return taken;
      continue;
    }
    auto made = makeFolder(path);
    if (!made) return fail(std::move(made).error());
    // Names::kAll is for folders that never change: one that is there is there as a whole.
    if (!*made && names == Names::kAll) at.disable_recursion_pending();
  }
  if (error) return fail(Error::fromErrno(source, error.value()));
  return {};
}

Result<bool> TreeCopy::makeFolder(const std::string& source) {
  const std::string target = targetOf(source);
  if (mkdir(target.c_str(), 0700) != 0) {
    if (errno == EEXIST) return false;
    return fail(Error::fromErrno("make " + target, errno));
  }
  if (auto copied = copyAttributes(source, target); !copied) return fail(std::move(copied).error());
  return true;
}

Result<void> TreeCopy::takeFile(const std::string& source, const fs::file_status& status) {
  // EEXIST: taken before. ENOENT: it is gone again; who needs it will miss it when the copy is verified.
  if (linkat(AT_FDCWD, source.c_str(), AT_FDCWD, targetOf(source).c_str(), 0) == 0) {
    ++linked_;
    return {};
  }
  if (errno == EEXIST || errno == ENOENT) return {};
  if (errno != EXDEV && errno != EPERM && errno != EMLINK) return fail(Error::fromErrno("link " + source, errno));
  return copy(source, status);
}

Result<void> TreeCopy::copy(const std::string& source, const fs::file_status& status) {
  const std::string target = targetOf(source);
  if (fs::exists(statusOf(target))) return {};
  std::error_code error;
  if (fs::is_regular_file(status)) {
    fs::copy_file(source, target, error);
  } else if (fs::is_symlink(status)) {
    fs::copy_symlink(source, target, error);
  } else if (auto made = makeDevice(source, target); !made) {
    return made;
  }
  if (error) return fail(Error::fromErrno(fmt::format("copy {} to {}", source, target), error.value()));
  ++copied_;
  if (fs::is_regular_file(status)) copied_bytes_ += fs::file_size(target, error);
  return copyAttributes(source, target);
}

}  // namespace wasabi::platform
