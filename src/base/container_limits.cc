#include "base/container_limits.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <thread>
#include <vector>

#include "base/text.h"

namespace wasabi {
namespace {

constexpr std::size_t kMaxFileBytes = 4 << 20;  // mount tables of hosts with thousands of containers
constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxMounts = 64;
// v1 says "no limit" by the largest number of whole pages that it can count; nobody has so much.
constexpr std::uint64_t kNoLimitBytes = 1ull << 60;

std::string_view nextField(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view field = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return field;
}

bool listHas(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    if (nextField(list, ',') == wanted) return true;
  }
  return false;
}

// The mount table writes blanks, tabs, newlines and backslashes as three octal digits.
std::string unescaped(std::string_view text) {
  const auto octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape =
        text[i] == '\\' && i + 3 < text.size() && octal(text[i + 1]) && octal(text[i + 2]) && octal(text[i + 3]);
    if (!escape) {
      out += text[i];
      continue;
    }
    out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
    i += 3;
  }
  return out;
}

struct CgroupMount {
  LimitSource kind;
  std::string controllers;  // v1: among the mount's options
  std::string root;         // the group that is mounted
  std::string mount_point;
};

// One line of mountinfo: "id parent device root mount-point options [optional]... - type source super-options"
std::optional<CgroupMount> parseMount(std::string_view line) {
  std::array<std::string_view, 6> fields;
  for (std::string_view& field : fields) field = nextField(line, ' ');
  while (!line.empty() && nextField(line, ' ') != "-") {
  }
  const std::string_view type = nextField(line, ' ');
  nextField(line, ' ');
  if (type != "cgroup" && type != "cgroup2") return std::nullopt;
  return CgroupMount{type == "cgroup2" ? LimitSource::kCgroupV2 : LimitSource::kCgroupV1, std::string(line),
                     unescaped(fields[3]), unescaped(fields[4])};
}

std::vector<CgroupMount> parseMounts(std::string_view mountinfo) {
  std::vector<CgroupMount> mounts;
  while (!mountinfo.empty() && mounts.size() < kMaxMounts) {
    if (auto mount = parseMount(nextField(mountinfo, '\n'))) mounts.push_back(std::move(*mount));
  }
  return mounts;
}

// The group of this process in the hierarchy of that controller, from lines "id:controllers:path"; v2 has no
// controllers there.
std::optional<std::string> groupOf(std::string_view cgroup_file, LimitSource kind, std::string_view controller) {
  while (!cgroup_file.empty()) {
    std::string_view line = nextField(cgroup_file, '\n');
    const std::string_view id = nextField(line, ':');
    const std::string_view controllers = nextField(line, ':');
    const bool found =
        kind == LimitSource::kCgroupV2 ? id == "0" && controllers.empty() : listHas(controllers, controller);
    if (found && line.starts_with('/')) return std::string(line);
  }
  return std::nullopt;
}

// The folders of the group and of those above it, as far as the mount shows them, outermost first.
//
// Both paths are told relative to this process's cgroup namespace, and begin with ".." where they lead out of it. A
// mount from above the namespace (root "/..") shows a group above ours, but not which of its folders leads to us.
std::vector<std::string> visibleFolders(const CgroupMount& mount, std::string_view group) {
  std::string_view root = mount.root;
  if (root == "/.." || root.starts_with("/../")) return {mount.mount_point};
  if (root == "/") root = "";
  const bool is_beneath = group.starts_with(root) && (group.size() == root.size() || group[root.size()] == '/');
  if (!is_beneath) return {};
  group.remove_prefix(root.size());
  std::vector<std::string> folders = {mount.mount_point};
  while (!group.empty() && folders.size() < kMaxDepth) {
    const std::string_view name = nextField(group, '/');
    if (name == "..") return {};  // moved out of the namespace: no folder here is above it
    if (!name.empty()) folders.push_back(folders.back() + '/' + std::string(name));
  }
  return folders;
}

// The first line of a file, without blanks.
std::optional<std::string> firstLine(const ReadFile& read, const std::string& path) {
  auto text = read(path);
  if (text) text = std::string(trim(std::string_view(*text).substr(0, text->find('\n'))));
  return text;
}

template <typename Number>
std::optional<Number> numberIn(const ReadFile& read, const std::string& path) {
  const auto line = firstLine(read, path);
  return line ? parseDecimal<Number>(*line) : std::nullopt;
}

// v1 tells here also of the groups above that are not visible.
std::optional<std::uint64_t> hierarchicalLimit(const ReadFile& read, const std::string& folder) {
  constexpr std::string_view kKey = "hierarchical_memory_limit ";
  const auto stat = read(folder + "/memory.stat");
  std::string_view rest = stat ? std::string_view(*stat) : std::string_view();
  while (!rest.empty()) {
    const std::string_view line = nextField(rest, '\n');
    if (line.starts_with(kKey)) return parseDecimal<std::uint64_t>(line.substr(kKey.size()));
  }
  return std::nullopt;
}

std::optional<ByteSize> memoryLimit(const ReadFile& read, LimitSource kind, const std::string& folder) {
  if (kind == LimitSource::kCgroupV2) {
    const auto most = numberIn<std::uint64_t>(read, folder + "/memory.max");  // or "max"
    return most ? std::optional(ByteSize{*most}) : std::nullopt;
  }
  const auto own = numberIn<std::uint64_t>(read, folder + "/memory.limit_in_bytes");
  const auto above = hierarchicalLimit(read, folder);
  const std::uint64_t most = std::min(own.value_or(kNoLimitBytes), above.value_or(kNoLimitBytes));
  return most < kNoLimitBytes ? std::optional(ByteSize{most}) : std::nullopt;
}

std::optional<Cores> cpuLimit(const ReadFile& read, LimitSource kind, const std::string& folder) {
  std::optional<std::int64_t> quota;
  std::optional<std::int64_t> period;
  if (kind == LimitSource::kCgroupV2) {
    const auto text = firstLine(read, folder + "/cpu.max");  // "200000 100000" or "max 100000"
    std::string_view line = text ? std::string_view(*text) : std::string_view();
    quota = parseDecimal<std::int64_t>(nextField(line, ' '));
    period = parseDecimal<std::int64_t>(line);
  } else {
    quota = numberIn<std::int64_t>(read, folder + "/cpu.cfs_quota_us");  // or -1
    period = numberIn<std::int64_t>(read, folder + "/cpu.cfs_period_us");
  }
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return Cores{static_cast<double>(*quota) / static_cast<double>(*period)};
}

// Takes the smallest limit of that controller, if it is below `value`.
template <typename Value, typename Read>
void lower(Value& value, LimitSource& from, std::string_view controller, std::string_view cgroup_file,
           const std::vector<CgroupMount>& mounts, Read read_limit) {
  bool known = value != Value{};
  for (const CgroupMount& mount : mounts) {
    if (mount.kind == LimitSource::kCgroupV1 && !listHas(mount.controllers, controller)) continue;
    const auto group = groupOf(cgroup_file, mount.kind, controller);
    if (!group) continue;
    for (const std::string& folder : visibleFolders(mount, *group)) {
      const auto limit = read_limit(mount.kind, folder);
      if (!limit || (known && *limit >= value)) continue;
      known = true;
      value = *limit;
      from = mount.kind;
    }
  }
}

ByteSize machineMemory(const ReadFile& read) {
  constexpr std::string_view kKey = "MemTotal:";
  const auto meminfo = read("/proc/meminfo");
  std::string_view rest = meminfo ? std::string_view(*meminfo) : std::string_view();
  while (!rest.empty()) {
    std::string_view line = nextField(rest, '\n');
    if (!line.starts_with(kKey)) continue;
    line = trim(line.substr(kKey.size()));
    const auto kibibytes = parseDecimal<std::uint64_t>(nextField(line, ' ')).value_or(0);
    return kibibytes < kNoLimitBytes >> 10 ? ByteSize{kibibytes << 10} : ByteSize{};
  }
  return {};
}

std::uint32_t usableProcessors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  // Fails on machines of more processors than the set has room for.
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return std::max(1u, std::thread::hardware_concurrency());
  return static_cast<std::uint32_t>(std::max(1, CPU_COUNT(&set)));
}

}  // namespace

std::string_view toString(LimitSource source) {
  switch (source) {
    case LimitSource::kCgroupV1:
      return "cgroup v1";
    case LimitSource::kCgroupV2:
      return "cgroup v2";
    case LimitSource::kMachine:
      break;
  }
  return "machine";
}

ContainerLimits containerLimits(const ReadFile& read, std::uint32_t processors) {
  ContainerLimits limits;
  limits.memory = machineMemory(read);
  limits.cpu = Cores{static_cast<double>(processors)};
  const std::string cgroup_file = read("/proc/self/cgroup").value_or("");
  const std::vector<CgroupMount> mounts = parseMounts(read("/proc/self/mountinfo").value_or(""));
  lower(limits.memory, limits.memory_from, "memory", cgroup_file, mounts,
        [&](LimitSource kind, const std::string& folder) { return memoryLimit(read, kind, folder); });
  lower(limits.cpu, limits.cpu_from, "cpu", cgroup_file, mounts,
        [&](LimitSource kind, const std::string& folder) { return cpuLimit(read, kind, folder); });
  return limits;
}

ContainerLimits readContainerLimits(const std::string& root) {
  const ReadFile read = [&root](const std::string& path) -> std::optional<std::string> {
    std::ifstream file(root + path, std::ios::binary);
    if (!file) return std::nullopt;
    std::string text;
    std::array<char, 4096> block;
    while (text.size() < kMaxFileBytes && (file.read(block.data(), block.size()), file.gcount() > 0)) {
      text.append(block.data(), static_cast<std::size_t>(file.gcount()));
    }
    return text;
  };
  return containerLimits(read, usableProcessors());
}

}  // namespace wasabi
