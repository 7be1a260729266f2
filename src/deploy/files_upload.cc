#include "deploy/files_upload.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace wasabi::deploy {

Result<FilesUpload> FilesUpload::begin(const platform::Blobs& blobs, const FilesLimits& limits) {
  auto folder = IncomingFolder::make(blobs);
  if (!folder) return fail(std::move(folder).error());
  FileDescriptor archive(::open(folder->path("archive").c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!archive.valid()) return fail(Error::fromErrno("store the archive", errno));
  return FilesUpload(blobs, limits, *std::move(folder), std::move(archive));
}

Result<void> FilesUpload::write(std::string_view bytes) {
  if (bytes.size() > limits_.archive.value - bytes_) {
    return fail(ErrorCode::kExhausted, fmt::format("the archive has more than {}", toString(limits_.archive)));
  }
  bytes_ += bytes.size();
  while (!bytes.empty()) {
    const ssize_t put = ::write(archive_.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail(Error::fromErrno("store the archive", errno));
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Result<platform::Blobs::Folder> FilesUpload::finish(const std::stop_token& stop) {
  if (bytes_ == 0) return fail(ErrorCode::kInvalid, "the archive is empty");
  const std::string path = folder_.path("files");
  if (::mkdir(path.c_str(), 0755) != 0) return fail(Error::fromErrno("unpack the archive", errno));
  const FileDescriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return fail(Error::fromErrno("unpack the archive", errno));
  if (auto unpacked = oci::unpackFiles(archive_.get(), directory.get(), limits_.unpacked, stop); !unpacked) {
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
