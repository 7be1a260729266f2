#include "catalog/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace wasabi::catalog {

Result<FileDescriptor> openBeneath(int directory_fd, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  for (int attempt = 0;; ++attempt) {
    const long fd = syscall(SYS_openat2, directory_fd, path.c_str(), &how, sizeof how);
    if (fd >= 0) return FileDescriptor(static_cast<int>(fd));
    // The kernel asks to try again when something on the way was renamed at the same moment.
    if (errno == EINTR || (errno == EAGAIN && attempt < 10)) continue;
    if (errno == EXDEV) {
      return fail(ErrorCode::kDenied, path + " leads out of the catalog directory (absolute links count as outside)");
    }
    return fail(Error::fromErrno(path, errno));
  }
}

}  // namespace wasabi::catalog
