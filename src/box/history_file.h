// The file that functions' histories are kept in from one box to the next (policy/demand_histories.h).
//
// It has a folder of its own: the box may write there though it is locked in, so nothing else may lie in reach of it.
// A new version is written beside the old one and takes its place when it is safely on the disk: whenever the box or
// the machine ends, there is a whole file. Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/log.h"
#include "box/box_config.h"

namespace wasabi::box {

class HistoryFile {
 public:
  // Makes the last folder of the path where it is missing, and removes what an earlier process left half written.
  // Before the lock-in. kConflict where the folder holds anything else.
  static Result<HistoryFile> open(const std::string& path);

  const std::string& path() const { return path_; }
  // Without links. What has to be writable to the process.
  const std::string& folder() const { return folder_; }

  // Nothing where there is no file yet.
  Result<std::optional<std::string>> read() const;
  Result<void> write(std::string_view text) const;

 private:
  HistoryFile(std::string path, std::string folder, FileDescriptor folder_fd);

  std::string path_;
  std::string folder_;
  std::string name_;  // in the folder
  FileDescriptor folder_fd_;
};

// The file that the configuration names. None where it wants none, or where the folder cannot be made or opened: then a
// warning says so. An error where the folder is not one that the box may be given.
Result<std::optional<HistoryFile>> openHistory(const BoxConfig& config, Logger& log);

}  // namespace wasabi::box
