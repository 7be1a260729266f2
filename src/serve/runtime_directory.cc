#include "serve/runtime_directory.h"

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/sha256.h"
#include "platform/version.h"

namespace wasabi::serve {
namespace {

namespace fs = std::filesystem;

bool isInMemory(const std::string& path) {
  struct statfs status{};
  return ::statfs(path.c_str(), &status) == 0 && (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC);
}

// Where none is in memory it works all the same, until somebody has a secret.
std::string parentOfAll() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const std::string usual = ::geteuid() == 0                        ? "/run"
                            : runtime != nullptr && *runtime == '/' ? std::string(runtime)
                                                                    : std::string();
  if (!usual.empty() && isInMemory(usual)) return usual + "/wasabi";
  return fmt::format("/dev/shm/wasabi-{}", ::geteuid());
}

// Made by this user alone, or refused.
Result<void> makePrivate(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail(Error::fromErrno("make " + path, errno));
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return fail(Error::fromErrno(path, errno));
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid()) {
    return fail(ErrorCode::kDenied, path + " belongs to somebody else; remove it");
  }
  if (::chmod(path.c_str(), 0700) != 0) return fail(Error::fromErrno(path, errno));
  return {};
}

}  // namespace

Result<std::string> makeRuntimeDirectory(const std::string& data_directory) {
  const std::string parent = parentOfAll();
  if (auto made = makePrivate(parent); !made) return fail(std::move(made.error()));
  const std::string id = platform::Digest{sha256(data_directory)}.toHex().substr(0, 8);
  std::string path = parent + "/" + id;
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return fail(Error::fromErrno("empty " + path, error.value()));
  if (auto made = makePrivate(path); !made) return fail(std::move(made.error()));
  return path;
}

}  // namespace wasabi::serve
