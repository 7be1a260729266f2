// The folder that holds all state of a single machine (docs/data-directory.md): made, checked, locked and brought to
// the format of this program.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "platform/disk.h"

namespace wasabi::platform {

inline constexpr std::uint32_t kDataFormat = 1;

// From the format before `to` to it. May run again after it was interrupted at any point.
struct FormatStep {
  std::uint32_t to = 0;
  std::function<Result<void>(Disk&)> run;
};

// Makes an empty folder a data directory, or brings one of an older format up to `format`, step by step. Then removes
// what a crash left. What is neither is refused.
Result<void> prepareDataDirectory(Disk& disk, std::uint32_t format, const std::vector<FormatStep>& steps);

class DataDirectory {
 public:
  // Makes the folder if it is not there (its parent is), else checks: it is ours, closed to others, can be written, and
  // nobody else serves from it. Held until destroyed, or until the process ends however it may.
  static Result<std::unique_ptr<DataDirectory>> open(const std::string& path);

  const std::string& path() const { return path_; }  // absolute
  std::string path(const std::string& name) const { return path_ + "/" + name; }
  Disk& disk() { return *disk_; }

 private:
  DataDirectory(std::string path, std::unique_ptr<Disk> disk, FileDescriptor lock)
      : path_(std::move(path)), disk_(std::move(disk)), lock_(std::move(lock)) {}

  std::string path_;
  std::unique_ptr<Disk> disk_;
  FileDescriptor lock_;
};

}  // namespace wasabi::platform
