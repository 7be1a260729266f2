// An image that somebody hands in as an archive: an OCI layout or what `docker save` writes.
#pragma once

#include <stop_token>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "deploy/image_store.h"
#include "deploy/incoming_archive.h"

namespace wasabi::deploy {

// Gone unless it was finished. For one thread at a time; blocks on the disk.
class ImageUpload {
 public:
  // `images` outlives this.
  ImageUpload(const ImageStore& images, IncomingArchive archive) : images_(&images), archive_(std::move(archive)) {}

  // kExhausted: more bytes than an archive may have.
  Result<void> write(std::string_view bytes) { return archive_.write(bytes); }
  // The image is one of the data directory, to be named by its digest in a deployment. Once. kInvalid: it is no such
  // archive, or a damaged one.
  Result<StoredImage> finish(std::stop_token stop);

 private:
  const ImageStore* images_;
  IncomingArchive archive_;
};

}  // namespace wasabi::deploy
