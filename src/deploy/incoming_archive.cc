#include "deploy/incoming_archive.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace wasabi::deploy {

Result<IncomingArchive> IncomingArchive::begin(const platform::Blobs& blobs, ByteSize limit) {
  auto folder = IncomingFolder::make(blobs);
  if (!folder) return fail(std::move(folder).error());
  FileDescriptor file(::open(folder->path("archive").c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.valid()) return fail(Error::fromErrno("store the archive", errno));
  return IncomingArchive(limit, *std::move(folder), std::move(file));
}

Result<void> IncomingArchive::write(std::string_view bytes) {
  if (bytes.size() > limit_.value - bytes_) {
    return fail(ErrorCode::kExhausted, fmt::format("the archive has more than {}", toString(limit_)));
  }
  bytes_ += bytes.size();
  while (!bytes.empty()) {
    const ssize_t put = ::write(file_.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail(Error::fromErrno("store the archive", errno));
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

}  // namespace wasabi::deploy
