// The image of a container function on its way to the server: an archive as it is, an OCI layout packed into one.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace wasabi::cli {

class ImageSource {
 public:
  // `path`: of an archive (OCI layout or `docker save`), or of a folder with an OCI layout. Blocks.
  static Result<ImageSource> open(const std::string& path);

  std::uint64_t bytes() const { return bytes_; }
  // The next bytes of the archive; none at its end. Blocks.
  Result<std::string> next();

 private:
  ImageSource(FileDescriptor file, std::uint64_t bytes) : file_(std::move(file)), bytes_(bytes) {}

  FileDescriptor file_;
  std::uint64_t bytes_;
};

}  // namespace wasabi::cli
