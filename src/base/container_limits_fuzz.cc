// Whatever the kernel's files hold, the limits are at most the machine's, and some.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/container_limits.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wasabi;
  // Divided by NUL: cgroup, mountinfo, then what every file of a group holds in turn.
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::array<std::string, 5> parts;
  for (std::string& part : parts) {
    const std::size_t end = std::min(text.find('\0'), text.size());
    part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  std::size_t next = 0;
  const auto limits = containerLimits(
      [&](const std::string& path) -> std::optional<std::string> {
        if (path == "/proc/meminfo") return "MemTotal: 1048576 kB\n";
        if (path == "/proc/self/cgroup") return parts[0];
        if (path == "/proc/self/mountinfo") return parts[1];
        return parts[2 + next++ % 3];
      },
      8);
  WASABI_CHECK(limits.memory.value <= 1ull << 30);
  WASABI_CHECK(limits.cpu.value > 0 && limits.cpu.value <= 8);
  return 0;
}
