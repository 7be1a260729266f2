// What is sent to the server as an archive: the image of a container function, or the files of a function.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace wasabi::cli {

class ArchiveSource {
 public:
  // `path`: of an archive (OCI layout or `docker save`), or of a folder with an OCI layout. Blocks.
  static Result<ArchiveSource> ofImage(const std::string& path);
  // All that is in the folder. Blocks.
  static Result<ArchiveSource> ofFiles(const std::string& folder);

  std::uint64_t bytes() const { return bytes_; }
  // The next bytes of the archive; none at its end. Blocks.
  Result<std::string> next();

 private:
  static Result<ArchiveSource> of(FileDescriptor file, const std::string& path);
  ArchiveSource(FileDescriptor file, std::uint64_t bytes) : file_(std::move(file)), bytes_(bytes) {}

  FileDescriptor file_;
  std::uint64_t bytes_;
};

}  // namespace wasabi::cli
