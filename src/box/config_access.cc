#include "box/config_access.h"

#include <filesystem>
#include <system_error>

namespace wasabi::box {
namespace {

namespace fs = std::filesystem;

// A folder that holds more is not one for configurations only.
constexpr int kMaxEntries = 1'000;

bool isForEverybody(const fs::directory_entry& entry, const fs::path& config_file) {
  std::error_code error;
  const fs::file_status status = entry.symlink_status(error);
  if (error) return false;
  // A link is worth what it leads to, and Landlock asks where that is.
  if (!fs::is_regular_file(status) && !fs::is_directory(status)) return true;
  if (fs::is_regular_file(status) && fs::equivalent(entry.path(), config_file, error)) return true;
  return (status.permissions() & fs::perms::others_read) != fs::perms::none;
}

bool isOpenToEverybody(const fs::path& folder, const fs::path& config_file) {
  std::error_code error;
  int entries = 0;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (++entries > kMaxEntries || !isForEverybody(*it, config_file)) return false;
  }
  return !error;
}

}  // namespace

ConfigAccess configAccess(const std::string& config_file) {
  if (config_file.empty()) return {};
  ConfigAccess access{{config_file}, false};
  const fs::path folder = fs::path(config_file).parent_path();
  if (isOpenToEverybody(folder, config_file)) {
    access.readable.push_back(folder.string());
  } else {
    access.only_in_place = true;
  }
  return access;
}

}  // namespace wasabi::box
