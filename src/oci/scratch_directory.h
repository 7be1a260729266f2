// A directory that is being filled and has no name yet that anyone looks for.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace wasabi::oci {

// Locked (flock) while it lives; gone, with all in it, with this object unless it got a name. What a crash leaves has
// the prefix and no lock: removeUnlocked() of incoming_file.h takes it.
class ScratchDirectory {
 public:
  // Mode 0700. `parent_fd` must outlive the object.
  static Result<ScratchDirectory> make(int parent_fd, std::string_view prefix);
  ScratchDirectory(ScratchDirectory&& other) noexcept;
  ScratchDirectory& operator=(ScratchDirectory&&) = delete;
  ~ScratchDirectory();

  int fd() const { return fd_.get(); }
  const std::string& name() const { return name_; }

  // Gives it its name in the same directory, on disk when it returns. False if that name is taken.
  Result<bool> rename(const std::string& name);

 private:
  ScratchDirectory(int parent_fd, std::string name, FileDescriptor fd)
      : parent_fd_(parent_fd), name_(std::move(name)), fd_(std::move(fd)) {}

  int parent_fd_;
  std::string name_;
  FileDescriptor fd_;
};

}  // namespace wasabi::oci
