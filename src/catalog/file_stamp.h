// What tells that a file is still the one that was looked at: it changes with every write to the file, and with
// every other file that takes its place.
#pragma once

#include <sys/stat.h>

#include <cstdint>

namespace wasabi::catalog {

struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;  // nanoseconds since 1970, as the file system says
  std::int64_t changed_ns = 0;

  bool operator==(const FileStamp&) const = default;
};

inline FileStamp stampOf(const struct stat& status) {
  const auto nanoseconds = [](const timespec& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  return {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size), nanoseconds(status.st_mtim),
          nanoseconds(status.st_ctim)};
}

}  // namespace wasabi::catalog
