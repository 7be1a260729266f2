#include "sandbox/group_use.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <system_error>

#include "base/file_descriptor.h"

namespace wasabi::sandbox {
namespace {

// cpu.stat has some twelve lines, of which the first is wanted.
constexpr std::size_t kMostBytes = 4096;
// What no processor reaches in a century: more is not believed, and fits a Duration.
constexpr std::uint64_t kMostNanoseconds = 1ull << 62;

// The first of `names` that one of the folders has.
std::string firstOf(const std::vector<std::string>& folders, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    for (const std::string& folder : folders) {
      std::string path = folder + "/" + std::string(name);
      if (::access(path.c_str(), R_OK) == 0) return path;
    }
  }
  return {};
}

std::optional<std::uint64_t> numberOf(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = end == text.data() + text.size() || *end == '\n';
  if (error != std::errc() || !is_whole) return std::nullopt;
  return number;
}

class SmallFile {
 public:
  explicit SmallFile(const std::string& path) {
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const ssize_t read = file.valid() ? ::read(file.get(), bytes_.data(), bytes_.size()) : 0;
    if (read > 0) size_ = static_cast<std::size_t>(read);
  }
  std::string_view text() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, kMostBytes> bytes_;
  std::size_t size_ = 0;
};

std::optional<ByteSize> bytesIn(const std::string& path) {
  if (path.empty()) return std::nullopt;
  const auto number = numberOf(SmallFile(path).text());
  if (!number) return std::nullopt;
  return ByteSize{*number};
}

// Of a line "usage_usec 4711", wherever it stands. v1's cpu.stat has none.
std::optional<std::uint64_t> microsecondsIn(std::string_view text) {
  constexpr std::string_view kKey = "usage_usec ";
  while (!text.empty()) {
    if (text.starts_with(kKey)) return numberOf(text.substr(kKey.size()));
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return std::nullopt;
}

std::optional<Duration> cpuIn(const std::string& path, bool is_v2) {
  const SmallFile file(path);
  auto number = is_v2 ? microsecondsIn(file.text()) : numberOf(file.text());
  const std::uint64_t nanoseconds_each = is_v2 ? 1'000 : 1;
  if (!number || *number > kMostNanoseconds / nanoseconds_each) return std::nullopt;
  return std::chrono::nanoseconds(*number * nanoseconds_each);
}

}  // namespace

// v1's files come first: where both versions are mounted, v1 has the controllers, and v2's groups count nothing.
GroupReader::GroupReader(const std::vector<std::string>& folders)
    : cpu_{firstOf(folders, {"cpuacct.usage"}), false},
      memory_(firstOf(folders, {"memory.usage_in_bytes", "memory.current"})),
      peak_(firstOf(folders, {"memory.max_usage_in_bytes", "memory.peak"})) {
  if (cpu_.path.empty()) cpu_ = {firstOf(folders, {"cpu.stat"}), true};
}

GroupUse GroupReader::read() const {
  GroupUse use;
  if (!cpu_.path.empty()) use.cpu = cpuIn(cpu_.path, cpu_.is_v2);
  use.memory = bytesIn(memory_);
  use.peak = bytesIn(peak_);
  return use;
}

}  // namespace wasabi::sandbox
