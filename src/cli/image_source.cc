#include "cli/image_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "oci/layout_archive.h"

namespace wasabi::cli {
namespace {

namespace fs = std::filesystem;

// Without a name: nothing is left of it, however this ends.
Result<FileDescriptor> packed(const std::string& folder) {
  std::error_code error;
  const fs::path place = fs::temp_directory_path(error);
  if (error) return fail(Error::fromErrno("a place for the archive", error.value()));
  std::string path = (place / "wasabi-image-XXXXXX").string();
  FileDescriptor file(::mkostemp(path.data(), O_CLOEXEC));
  if (!file.valid()) return fail(Error::fromErrno("make an archive in " + place.string(), errno));
  ::unlink(path.c_str());
  if (auto written = oci::archiveLayout(folder, file.get()); !written) return fail(std::move(written.error()));
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return fail(Error::fromErrno("read the archive", errno));
  return file;
}

}  // namespace

Result<ImageSource> ImageSource::open(const std::string& path) {
  std::error_code ignored;
  FileDescriptor file;
  if (fs::is_directory(path, ignored)) {
    auto archive = packed(path);
    if (!archive) return fail(std::move(archive.error()));
    file = std::move(*archive);
  } else {
    file = FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) return fail(Error::fromErrno(path, errno));
  }
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return fail(Error::fromErrno(path, errno));
  return ImageSource(std::move(file), static_cast<std::uint64_t>(status.st_size));
}

Result<std::string> ImageSource::next() {
  std::string piece(256 << 10, '\0');
  while (true) {
    const ssize_t got = ::read(file_.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Error::fromErrno("read the archive", errno));
    piece.resize(static_cast<std::size_t>(got));
    return piece;
  }
}

}  // namespace wasabi::cli
