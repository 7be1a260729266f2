// Places in a root file system that is being built, addressed by descriptors: no path of an archive leads out of it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace wasabi::oci {

struct PathLimits {
  std::size_t depth =
      128;  // directories above a file, links on the way resolved: a tree that is deeper is hard to remove
  std::size_t bytes = 4'000;
};

// A name in an open directory.
struct Place {
  FileDescriptor directory;
  std::string directory_path;  // from the root, without links, not beginning with '/'; empty for the root
  std::string name;            // empty only for the root itself

  std::string path() const { return directory_path.empty() ? name : directory_path + '/' + name; }
};

// The path without "./", "//" and slashes at its ends; empty for the root. kInvalid with a "..", a part of more than
// 255 bytes or beyond the limits.
Result<std::string> cleanPath(std::string_view path, const PathLimits& limits);

// Whether a symbolic link in `directory_path` stays inside the root. Absolute targets do: they begin at the root of
// whoever follows them.
bool staysInside(std::string_view directory_path, std::string_view target);

// Not thread-safe; needs /proc. Nobody else may write to the root meanwhile.
class RootTree {
 public:
  // `root_fd` must outlive this object.
  static Result<RootTree> open(int root_fd, PathLimits limits);

  int fd() const { return root_fd_; }
  const PathLimits& limits() const { return limits_; }

  // Where a clean path lies. Links on the way are followed as the container would; its last part is not.
  // Directories that are missing are made (mode 0755).
  Result<Place> make(const std::string& path) const;
  // The same without making any: kNotFound.
  Result<Place> find(const std::string& path) const;

 private:
  RootTree(int root_fd, std::string own_path, PathLimits limits)
      : root_fd_(root_fd), own_path_(std::move(own_path)), limits_(limits) {}

  Result<FileDescriptor> openDirectory(const std::string& path) const;
  Result<FileDescriptor> makeDirectories(const std::string& path) const;
  Result<Place> placeIn(FileDescriptor directory, std::string name) const;

  int root_fd_;
  std::string own_path_;  // as the kernel names it
  PathLimits limits_;
};

}  // namespace wasabi::oci
