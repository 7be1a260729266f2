#include "cli/archive_source.h"

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
Result<FileDescriptor> packed(const std::string& folder, Result<void> (*pack)(const std::string& folder, int to_fd)) {
  std::error_code error;
  const fs::path place = fs::temp_directory_path(error);
  if (error) return fail(Error::fromErrno("a place for the archive", error.value()));
  std::string path = (place / "wasabi-archive-XXXXXX").string();
  FileDescriptor file(::mkostemp(path.data(), O_CLOEXEC));
  if (!file.valid()) return fail(Error::fromErrno("make an archive in " + place.string(), errno));
  ::unlink(path.c_str());
  if (auto written = pack(folder, file.get()); !written) return fail(std::move(written.error()));
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return fail(Error::fromErrno("read the archive", errno));
  return file;
}

}  // namespace

Result<ArchiveSource> ArchiveSource::ofImage(const std::string& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    auto archive = packed(path, oci::archiveLayout);
    if (!archive) return fail(std::move(archive.error()));
    return of(std::move(*archive), path);
  }
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return fail(Error::fromErrno(path, errno));
  return of(std::move(file), path);
}

Result<ArchiveSource> ArchiveSource::ofFiles(const std::string& folder) {
  auto archive = packed(folder, oci::archiveFiles);
  if (!archive) return fail(std::move(archive.error()));
  return of(std::move(*archive), folder);
}

Result<ArchiveSource> ArchiveSource::of(FileDescriptor file, const std::string& path) {
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return fail(Error::fromErrno(path, errno));
  return ArchiveSource(std::move(file), static_cast<std::uint64_t>(status.st_size));
}

Result<std::string> ArchiveSource::next() {
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
