#include "catalog/shared_file_system.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>

namespace wasabi::catalog {
namespace {

// Not in linux/magic.h of every version.
constexpr unsigned kCifsMagic = 0xff534d42u;
constexpr unsigned kSmb2Magic = 0xfe534d42u;
constexpr unsigned kFuseMagic = 0x65735546u;

bool isShared(const struct statfs& status) {
  constexpr std::array<unsigned, 6> kShared = {NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, V9FS_MAGIC,
                                               kCifsMagic,      kSmb2Magic,      kFuseMagic};
  return std::find(kShared.begin(), kShared.end(), static_cast<unsigned>(status.f_type)) != kShared.end();
}

}  // namespace

bool isOnSharedFileSystem(int fd) {
  struct statfs status{};
  return fstatfs(fd, &status) != 0 || isShared(status);
}

bool isOnSharedFileSystem(const char* path) {
  struct statfs status{};
  return statfs(path, &status) != 0 || isShared(status);
}

}  // namespace wasabi::catalog
