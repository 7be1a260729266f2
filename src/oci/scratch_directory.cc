#include "oci/scratch_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "oci/beneath.h"
#include "oci/incoming_file.h"

namespace wasabi::oci {

Result<ScratchDirectory> ScratchDirectory::make(int parent_fd, std::string_view prefix) {
  std::string name = std::string(prefix) + randomName();
  if (mkdirat(parent_fd, name.c_str(), 0700) != 0) return fail(Error::fromErrno(name, errno));
  FileDescriptor fd(openat(parent_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  ScratchDirectory scratch(parent_fd, std::move(name), std::move(fd));
  if (!scratch.fd_.valid() || flock(scratch.fd(), LOCK_EX | LOCK_NB) != 0) {
    return fail(Error::fromErrno(scratch.name(), errno));
  }
  return scratch;
}

ScratchDirectory::ScratchDirectory(ScratchDirectory&& other) noexcept
    : parent_fd_(other.parent_fd_), name_(std::exchange(other.name_, {})), fd_(std::move(other.fd_)) {}

ScratchDirectory::~ScratchDirectory() {
  if (!name_.empty()) (void)removeTree(parent_fd_, name_);
}

Result<bool> ScratchDirectory::rename(const std::string& name) {
  if (renameat2(parent_fd_, name_.c_str(), parent_fd_, name.c_str(), RENAME_NOREPLACE) != 0) {
    if (errno == EEXIST) return false;
    return fail(Error::fromErrno(name, errno));
  }
  name_.clear();
  if (fsync(parent_fd_) != 0) return fail(Error::fromErrno(name, errno));
  return true;
}

}  // namespace wasabi::oci
