#include "catalog/directory_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "catalog/shared_file_system.h"

namespace wasabi::catalog {
namespace {

constexpr std::uint32_t kEvents = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE |
                                  IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR;

}  // namespace

DirectoryWatch::DirectoryWatch() : inotify_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

bool DirectoryWatch::set(const std::set<std::string>& directories) {
  if (!inotify_.valid()) return false;
  bool added = false;
  complete_ = true;
  std::map<std::string, Watch> watches;
  std::set<int> in_use;
  for (const std::string& directory : directories) {
    const int watch = inotify_add_watch(inotify_.get(), directory.c_str(), kEvents);
    if (watch < 0) {
      // A folder that does not exist shows up by an event in the one above, if that one is watched.
      if (errno != ENOENT && errno != ENOTDIR) complete_ = false;
      continue;
    }
    in_use.insert(watch);
    const auto before = watches_.find(directory);
    const bool is_new = before == watches_.end() || before->second.descriptor != watch;
    const bool tells_all = is_new ? !isOnSharedFileSystem(directory.c_str()) : before->second.tells_all;
    added = added || is_new;
    complete_ = complete_ && tells_all;
    watches.emplace(directory, Watch{watch, tells_all});
  }
  for (const auto& [directory, watch] : watches_) {
    if (!in_use.contains(watch.descriptor)) inotify_rm_watch(inotify_.get(), watch.descriptor);
  }
  watches_ = std::move(watches);
  return added;
}

void DirectoryWatch::drain() {
  alignas(inotify_event) std::array<char, 16 << 10> events;
  while (inotify_.valid()) {
    const ssize_t got = read(inotify_.get(), events.data(), events.size());
    if (got > 0 || (got < 0 && errno == EINTR)) continue;
    return;
  }
}

}  // namespace wasabi::catalog
