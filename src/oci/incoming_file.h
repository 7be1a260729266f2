// A file that is being written and has no name yet that anyone looks for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace wasabi::oci {

// Files being written have names with this prefix and a lock (flock) on them; without the lock they are what a crash
// left.
inline constexpr std::string_view kIncomingPrefix = ".incoming-";

// Gone with this object unless it was published. The directory's descriptor must outlive it.
class IncomingFile {
 public:
  static Result<IncomingFile> create(int directory_fd);
  IncomingFile(IncomingFile&& other) noexcept;
  IncomingFile& operator=(IncomingFile&&) = delete;
  ~IncomingFile();

  int fd() const { return file_.get(); }
  Result<void> append(std::string_view bytes);
  // Empty again.
  Result<void> restart();

  // Gives it its name in the same directory (replacing what has it), with this mode; on disk when it returns.
  Result<void> publish(const std::string& name, unsigned mode = 0644) &&;

 private:
  IncomingFile(int directory_fd, std::string name, FileDescriptor file)
      : directory_fd_(directory_fd), name_(std::move(name)), file_(std::move(file)) {}

  int directory_fd_;
  std::string name_;
  FileDescriptor file_;
};

// 32 random hex digits.
std::string randomName();

// Removes files and directories with `prefix` that nobody holds a lock on. What cannot be removed stays.
void removeUnlocked(int directory_fd, std::string_view prefix);

}  // namespace wasabi::oci
