// An OCI image layout: a directory of blobs by digest, with an index of the images in it.
//
//   oci-layout  index.json  blobs/sha256/<hex>
//
// What was pulled or read from archives lies in one, and others can be read: `skopeo copy ... oci:dir`, `docker
// buildx`.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "oci/incoming_file.h"
#include "oci/manifest.h"

namespace wasabi::oci {

// Annotations of index entries that name an image.
inline constexpr std::string_view kRefName = "org.opencontainers.image.ref.name";
inline constexpr std::string_view kContainerdName = "io.containerd.image.name";

// Thread-safe, and several processes may write to one.
class ImageLayout {
 public:
  // kNotFound or kInvalid where there is none. Links in it are not followed.
  static Result<ImageLayout> open(std::string directory);
  // Makes what is missing; the parent directory must be there.
  static Result<ImageLayout> openOrCreate(std::string directory);

  const std::string& directory() const { return directory_; }

  Result<Index> index() const;
  Result<void> replaceIndex(const Index& index) const;
  // The index entry of `manifest` is added, or replaces the one of that name. An empty name: entry without a name.
  Result<void> addToIndex(Descriptor manifest, const std::string& name) const;

  // A blob of that digest and size is there.
  bool has(const Descriptor& blob) const;
  // Its size is right; its digest is not looked at: what this class wrote was checked when it was written.
  Result<FileDescriptor> openBlob(const Descriptor& blob) const;
  // The whole of a manifest, index or config, its digest checked.
  Result<std::string> readDocument(const Descriptor& blob) const;

  // For blobs that come in pieces. Whoever ends one has computed its digest from the bytes.
  Result<IncomingFile> beginBlob() const;
  Result<void> endBlob(IncomingFile file, const Digest& digest) const;
  // A second name (a hard link) for a blob of a layout on the same file system, which this class wrote there.
  Result<void> takeBlob(const ImageLayout& from, const Descriptor& blob) const;
  Result<Descriptor> putDocument(std::string_view bytes, std::string_view media_type) const;

  // Nothing in the index need refer to it.
  Result<void> removeBlob(const Digest& digest) const;
  // Removes what crashes left. Call it before anything else.
  void removeLeftovers() const;

 private:
  ImageLayout(std::string directory, FileDescriptor root, FileDescriptor blobs)
      : directory_(std::move(directory)), root_(std::move(root)), blobs_(std::move(blobs)) {}
  Result<void> replaceFile(const std::string& name, std::string_view content) const;

  std::string directory_;
  FileDescriptor root_;
  FileDescriptor blobs_;  // blobs/sha256
};

}  // namespace wasabi::oci
