#include "sandbox/control_groups.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace wasabi::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTop = "/sys/fs/cgroup";

// One line of /proc/self/cgroup: "4:memory:/group", "9:name=systemd:/group", "0::/group".
struct OwnGroup {
  std::string hierarchy;  // folder
  std::string group;
};

std::vector<OwnGroup> ownGroups() {
  std::vector<OwnGroup> groups;
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    std::string controllers = line.substr(first + 1, second - first - 1);
    if (controllers.starts_with("name=")) controllers.erase(0, 5);
    groups.push_back({std::string(kTop) + (controllers.empty() ? "" : "/" + controllers), line.substr(second + 1)});
  }
  return groups;
}

}  // namespace

std::vector<std::string> controlGroupsOf(std::string_view name) {
  std::vector<std::string> found;
  for (const OwnGroup& own : ownGroups()) {
    const std::string parent = fs::path(own.group).parent_path().string();
    for (const std::string& above : {own.group, parent, std::string("/")}) {
      const std::string folder =
          fs::path(own.hierarchy + "/" + above + "/" + std::string(name)).lexically_normal().string();
      std::error_code ignored;
      const bool known = std::find(found.begin(), found.end(), folder) != found.end();
      if (!known && fs::exists(folder + "/cgroup.procs", ignored)) found.push_back(folder);
    }
  }
  return found;
}

bool killedForMemory(const std::vector<std::string>& groups) {
  for (const std::string& group : groups) {
    for (const char* events : {"/memory.oom_control", "/memory.events"}) {
      std::ifstream file(group + events);
      std::string key;
      std::uint64_t count = 0;
      while (file >> key >> count) {
        if (key == "oom_kill" && count > 0) return true;
      }
    }
  }
  return false;
}

}  // namespace wasabi::sandbox
