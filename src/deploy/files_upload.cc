#include "deploy/files_upload.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "base/file_descriptor.h"

namespace wasabi::deploy {

Result<FilesUpload> FilesUpload::begin(const platform::Blobs& blobs, const FilesLimits& limits) {
  auto archive = IncomingArchive::begin(blobs, limits.archive);
  if (!archive) return fail(std::move(archive).error());
  return FilesUpload(blobs, limits, *std::move(archive));
}

Result<platform::Blobs::Folder> FilesUpload::finish(const std::stop_token& stop) {
  if (archive_.empty()) return fail(ErrorCode::kInvalid, "the archive is empty");
  const std::string path = archive_.folder().path("files");
  if (::mkdir(path.c_str(), 0755) != 0) return fail(Error::fromErrno("unpack the archive", errno));
  const FileDescriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return fail(Error::fromErrno("unpack the archive", errno));
  if (auto unpacked = oci::unpackFiles(archive_.file(), directory.get(), limits_.unpacked, stop); !unpacked) {
    return fail(std::move(unpacked).error());
  }
  auto folder = platform::Blobs::digestOfFolder(path);
  if (!folder) return fail(std::move(folder).error());
  if (auto adopted = blobs_->adoptFolder(platform::BlobKind::kFiles, path, folder->digest); !adopted) {
    return fail(std::move(adopted).error());
  }
  return folder;
}

}  // namespace wasabi::deploy
