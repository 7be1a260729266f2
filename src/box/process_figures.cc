#include "box/process_figures.h"

#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace wasabi::box {
namespace {

constexpr std::uint64_t kKernelDefaultMappings = 65'530;

// Of a line such as "VmRSS:     6108 kB".
ByteSize sizeIn(std::string_view line) {
  const std::size_t digits = std::min(line.find_first_of("0123456789"), line.size());
  std::uint64_t kibibytes = 0;
  std::from_chars(line.data() + digits, line.data() + line.size(), kibibytes);
  return {kibibytes << 10};
}

}  // namespace

std::uint64_t countMappings() {
  std::ifstream maps("/proc/self/maps");
  return static_cast<std::uint64_t>(
      std::count(std::istreambuf_iterator<char>(maps), std::istreambuf_iterator<char>(), '\n'));
}

std::uint64_t maxMappings() {
  std::ifstream file("/proc/sys/vm/max_map_count");
  std::uint64_t most = 0;
  return file >> most ? most : kKernelDefaultMappings;
}

std::uint64_t raiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_max;
}

ProcessMemory memoryOfProcess() {
  ProcessMemory memory;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) memory.anonymous = sizeIn(line);
    if (line.starts_with("VmPTE:")) memory.page_tables = sizeIn(line);
  }
  return memory;
}

}  // namespace wasabi::box
