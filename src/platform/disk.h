// What the platform asks of the file system, one system call's worth at a time: the seam at which tests let a disk
// fill up, fail, or lose power between any two steps.
//
// Paths are relative to one folder, with '/' between names; none of them leads through a link. Thread-safe. Calls block
// on the disk: not for an event loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace wasabi::platform {

struct DiskEntry {
  std::string name;
  bool is_folder = false;
};

class Disk {
 public:
  virtual ~Disk() = default;

  // kNotFound; kInvalid where it has more than `most` bytes.
  virtual Result<std::string> read(const std::string& path, std::size_t most) = 0;
  // A new file; kConflict if the name is taken. Not on disk before syncFile and syncFolder of its folder.
  virtual Result<void> write(const std::string& path, std::string_view content, unsigned mode) = 0;
  virtual Result<void> syncFile(const std::string& path) = 0;
  // In place of what has the name `to`, at once; of an empty folder too.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(const std::string& path) = 0;
  // kConflict if the name is taken.
  virtual Result<void> makeFolder(const std::string& path, unsigned mode) = 0;
  virtual Result<void> removeFolder(const std::string& path) = 0;  // an empty one
  // What was renamed, made and removed in the folder is so after a loss of power too.
  virtual Result<void> syncFolder(const std::string& path) = 0;
  virtual Result<std::vector<DiskEntry>> list(const std::string& path) = 0;  // in no order
};

// `directory` as it is now, whatever has its name later. kNotFound, kDenied.
Result<std::unique_ptr<Disk>> openDisk(const std::string& directory);

// "." for a name without a folder.
std::string folderOf(const std::string& path);

// Names of what is not finished; removed when a data directory is opened.
inline constexpr std::string_view kUnfinishedPrefix = ".new-";

// The file has either its old content or all of the new one at every moment; on disk when it returns.
Result<void> replaceFile(Disk& disk, const std::string& path, std::string_view content, unsigned mode);
// Made if it is not there, on disk when it returns.
Result<void> ensureFolder(Disk& disk, const std::string& path, unsigned mode);
// Everything below and the folder itself. No error if it is not there.
Result<void> removeTree(Disk& disk, const std::string& path);

}  // namespace wasabi::platform
