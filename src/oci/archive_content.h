// The files of an archive of images, brought into an image layout as blobs and kept in mind by name.
#pragma once

#include <map>
#include <string>

#include "base/error.h"
#include "oci/image_import.h"
#include "oci/image_layout.h"

namespace wasabi::oci {

// A file of the archive.
struct ArchivedFile {
  Digest digest;
  std::uint64_t size = 0;
};

class ArchiveContent {
 public:
  // Every regular file of the archive becomes a blob of `scratch`.
  static Result<ArchiveContent> read(int archive_fd, const ImageLayout& scratch, const ImportOptions& options);

  // By name, links followed (Docker's archives have them between layers). kNotFound.
  Result<ArchivedFile> find(const std::string& name) const;
  bool has(const std::string& name) const { return find(name).has_value(); }
  // A small file as a whole.
  Result<std::string> text(const std::string& name, const ImageLayout& scratch) const;

 private:
  std::map<std::string, ArchivedFile> files_;
  std::map<std::string, std::string> links_;  // name to the name it means
};

// Makes the index of `scratch` say what the archive holds: by its own index.json, or by the manifest.json of `docker
// save`.
Result<void> indexArchive(const ArchiveContent& content, const ImageLayout& scratch);

}  // namespace wasabi::oci
