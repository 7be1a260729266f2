#include "base/admin_address.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

namespace wasabi {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

bool isDirectoryOf(const std::string& path, uid_t user) {
  struct stat status{};
  return path.starts_with('/') && ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         status.st_uid == user;
}

// Anybody may have made a folder of that name in /tmp: it counts only if nobody else can put a socket there.
Result<void> makePrivateFolder(const std::string& folder, uid_t user) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(Error::fromErrno("cannot make " + folder, errno));
  }
  struct stat status{};
  if (::lstat(folder.c_str(), &status) != 0) return fail(Error::fromErrno(folder, errno));
  if (!S_ISDIR(status.st_mode) || status.st_uid != user || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail(ErrorCode::kDenied, folder + " is not a folder that this user alone may write; remove it");
  }
  return {};
}

}  // namespace

AdminPlaces AdminPlaces::ofThisProcess() {
  AdminPlaces places;
  // Before the first thread, and nothing here ever changes the environment.
  const char* directory = ::getenv("XDG_RUNTIME_DIR");  // NOLINT(concurrency-mt-unsafe)
  if (directory != nullptr) places.runtime_directory = directory;
  places.user = ::geteuid();
  return places;
}

std::string usualAdminFolder(const AdminPlaces& places) {
  if (isDirectoryOf(places.runtime_directory, places.user)) return places.runtime_directory + "/wasabi";
  if (places.user == 0) return places.system_directory + "/wasabi";
  return places.temporary_directory + "/wasabi-" + std::to_string(places.user);
}

Result<std::string> usualAdminAddress(std::string_view first_listener, const AdminPlaces& places) {
  if (first_listener.starts_with(kUnixPrefix)) return std::string(first_listener) + ".admin";
  const std::string folder = usualAdminFolder(places);
  if (auto made = makePrivateFolder(folder, places.user); !made) return fail(std::move(made.error()));
  return std::string(kUnixPrefix) + folder + "/" + std::string(first_listener) + ".sock";
}

}  // namespace wasabi
