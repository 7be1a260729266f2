#include "base/file_descriptor.h"

#include <fcntl.h>
#include <unistd.h>

namespace wasabi {

FileDescriptor FileDescriptor::duplicate() const {
  return FileDescriptor(::fcntl(fd_, F_DUPFD_CLOEXEC, 0));
}

void FileDescriptor::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace wasabi
