// Copies parts of a folder under the same names into another one: by hard links where the file system has them between
// the two, else byte by byte, with owners, modes, times and extended attributes (what layers of images mean by them
// must not be lost). Private to backup.cc.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/error.h"

namespace wasabi::platform {

class TreeCopy {
 public:
  enum class Names : std::uint8_t {
    kAll,       // for folders whose inner folders never change
    kFinished,  // not those that begin with a dot: they are being written, or left by who crashed
  };

  TreeCopy(std::string from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}

  // A file or a folder with all that is in it. What is in the copy already stays; what is not there is no error.
  Result<void> take(std::string_view name, Names names);
  // A file that is written in place: never as a link.
  Result<void> copyOne(const std::string& name);

  std::uint64_t linked() const { return linked_; }
  std::uint64_t copied() const { return copied_; }
  std::uint64_t copiedBytes() const { return copied_bytes_; }

 private:
  std::string targetOf(const std::string& source) const { return to_ + source.substr(from_.size()); }
  Result<void> takeTree(const std::string& source, Names names);
  Result<bool> makeFolder(const std::string& source);  // false: it was there
  Result<void> takeFile(const std::string& source, const std::filesystem::file_status& status);
  Result<void> copy(const std::string& source, const std::filesystem::file_status& status);

  const std::string from_;
  const std::string to_;
  std::uint64_t linked_ = 0;
  std::uint64_t copied_ = 0;
  std::uint64_t copied_bytes_ = 0;
};

}  // namespace wasabi::platform
