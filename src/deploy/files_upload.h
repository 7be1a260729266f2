// A tar archive of a function's files on its way in: kept in incoming/ while it comes, then unpacked and stored by what
// it holds.
#pragma once

#include <stop_token>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/units.h"
#include "deploy/incoming_archive.h"
#include "oci/file_archive.h"
#include "platform/blobs.h"

namespace wasabi::deploy {

struct FilesLimits {
  ByteSize archive{512ull << 20};  // as it comes, packed or not
  oci::FileArchiveLimits unpacked;
};

// Gone unless it was finished. For one thread at a time; blocks on the disk.
class FilesUpload {
 public:
  // `blobs` outlives this.
  static Result<FilesUpload> begin(const platform::Blobs& blobs, const FilesLimits& limits);

  // kExhausted: more bytes than an archive may have.
  Result<void> write(std::string_view bytes) { return archive_.write(bytes); }
  // They have their name, files/<digest>, and are on disk. See oci::unpackFiles for what is refused. Once.
  Result<platform::Blobs::Folder> finish(const std::stop_token& stop);

 private:
  FilesUpload(const platform::Blobs& blobs, const FilesLimits& limits, IncomingArchive archive)
      : blobs_(&blobs), limits_(limits), archive_(std::move(archive)) {}

  const platform::Blobs* blobs_;
  FilesLimits limits_;
  IncomingArchive archive_;
};

}  // namespace wasabi::deploy
