// How much memory and processor time this process may use: the limits of its control group and of all groups above it
// that it can see (cgroup v1, v2, or both at once), else what the machine has.
//
// Read before the process locks itself in: later the files are out of reach.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"

namespace wasabi {

enum class LimitSource : std::uint8_t { kMachine, kCgroupV1, kCgroupV2 };
// "machine", "cgroup v1", "cgroup v2"
std::string_view toString(LimitSource source);

struct ContainerLimits {
  ByteSize memory;  // 0 where nothing tells
  LimitSource memory_from = LimitSource::kMachine;
  Cores cpu;
  LimitSource cpu_from = LimitSource::kMachine;
};

// The content of a file by its absolute path; nothing if it cannot be read.
using ReadFile = std::function<std::optional<std::string>(const std::string& path)>;

// `processors`: how many this process may run on. Looks at nothing but what `read` gives, and believes none of it to be
// well formed.
ContainerLimits containerLimits(const ReadFile& read, std::uint32_t processors);

// Of this process. `root` stands before every path that is read; empty but for tests.
ContainerLimits readContainerLimits(const std::string& root = "");

}  // namespace wasabi
