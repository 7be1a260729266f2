#include "oci/incoming_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <vector>

#include "base/check.h"
#include "base/sha256.h"
#include "oci/beneath.h"

namespace wasabi::oci {
namespace {

std::vector<std::string> namesWithPrefix(int directory_fd, std::string_view prefix) {
  std::vector<std::string> names;
  FileDescriptor own(openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::unique_ptr<DIR, int (*)(DIR*)> stream(own.valid() ? fdopendir(own.get()) : nullptr, closedir);
  if (!stream) return names;
  own.release();
  while (const dirent* entry = readdir(stream.get())) {
    if (std::string_view(entry->d_name).starts_with(prefix)) names.emplace_back(entry->d_name);
  }
  return names;
}

}  // namespace

std::string randomName() {
  std::array<std::uint8_t, 16> bytes{};
  WASABI_CHECK(getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return toHex(bytes.data(), bytes.size());
}

Result<IncomingFile> IncomingFile::create(int directory_fd) {
  std::string name = std::string(kIncomingPrefix) + randomName();
  FileDescriptor file(openat(directory_fd, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return fail(Error::fromErrno(name, errno));
  IncomingFile incoming(directory_fd, std::move(name), std::move(file));
  if (flock(incoming.fd(), LOCK_EX | LOCK_NB) != 0) return fail(Error::fromErrno("flock", errno));
  return incoming;
}

IncomingFile::IncomingFile(IncomingFile&& other) noexcept
    : directory_fd_(other.directory_fd_),
      name_(std::exchange(other.name_, std::string())),
      file_(std::move(other.file_)) {}

IncomingFile::~IncomingFile() {
  if (!name_.empty()) unlinkat(directory_fd_, name_.c_str(), 0);
}

Result<void> IncomingFile::append(std::string_view bytes) {
  return writeAll(file_.get(), bytes);
}

Result<void> IncomingFile::restart() {
  if (ftruncate(file_.get(), 0) != 0 || lseek(file_.get(), 0, SEEK_SET) != 0) {
    return fail(Error::fromErrno(name_, errno));
  }
  return {};
}

Result<void> IncomingFile::publish(const std::string& name, unsigned mode) && {
  if (fchmod(file_.get(), static_cast<mode_t>(mode)) != 0 || fsync(file_.get()) != 0) {
    return fail(Error::fromErrno(name, errno));
  }
  if (renameat(directory_fd_, name_.c_str(), directory_fd_, name.c_str()) != 0) {
    return fail(Error::fromErrno(name, errno));
  }
  name_.clear();
  if (fsync(directory_fd_) != 0) return fail(Error::fromErrno("fsync of the directory of " + name, errno));
  return {};
}

void removeUnlocked(int directory_fd, std::string_view prefix) {
  for (const std::string& name : namesWithPrefix(directory_fd, prefix)) {
    const FileDescriptor entry(openat(directory_fd, name.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
    if (!entry.valid() || flock(entry.get(), LOCK_EX | LOCK_NB) != 0) continue;
    (void)removeTree(directory_fd, name);
  }
}

}  // namespace wasabi::oci
