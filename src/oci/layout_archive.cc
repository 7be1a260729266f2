#include "oci/layout_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/file_descriptor.h"
#include "oci/image_layout.h"

namespace wasabi::oci {
namespace {

namespace fs = std::filesystem;

struct FreeWriter {
  void operator()(archive* writer) const { archive_write_free(writer); }
};
using Writer = std::unique_ptr<archive, FreeWriter>;

struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

Error errorOf(archive* writer) {
  const char* words = archive_error_string(writer);
  return {ErrorCode::kIo, fmt::format("write the archive: {}", words != nullptr ? words : "no reason is told")};
}

Result<void> copyContent(int from, archive* writer) {
  std::vector<char> piece(256 << 10);
  while (true) {
    const ssize_t got = ::read(from, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Error::fromErrno("read", errno));
    if (got == 0) return {};
    if (archive_write_data(writer, piece.data(), static_cast<std::size_t>(got)) != got) return fail(errorOf(writer));
  }
}

Result<void> addFile(archive* writer, const std::string& directory, const std::string& name) {
  const std::string path = directory + "/" + name;
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid()) return fail(Error::fromErrno(path, errno));
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return fail(Error::fromErrno(path, errno));
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kInvalid, path + " is no file");
  const std::unique_ptr<archive_entry, FreeEntry> entry(archive_entry_new());
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), (status.st_mode & S_IXUSR) != 0 ? 0755 : 0644);
  archive_entry_set_size(entry.get(), status.st_size);
  if (archive_write_header(writer, entry.get()) != ARCHIVE_OK) return fail(errorOf(writer));
  return copyContent(file.get(), writer);
}

Result<std::vector<std::string>> filesOf(const std::string& directory) {
  std::vector<std::string> names = {"oci-layout", "index.json"};
  std::error_code error;
  for (fs::directory_iterator at(directory + "/blobs/sha256", error), end; !error && at != end; at.increment(error)) {
    names.push_back("blobs/sha256/" + at->path().filename().string());
  }
  if (error) return fail(Error::fromErrno(directory, error.value()));
  std::sort(names.begin() + 2, names.end());  // the same layout makes the same archive
  return names;
}

// By name: the same folder makes the same archive.
Result<std::vector<std::string>> namesBelow(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  const fs::recursive_directory_iterator end;
  for (fs::recursive_directory_iterator at(directory, error); !error && at != end; at.increment(error)) {
    names.push_back(at->path().lexically_relative(directory).string());
  }
  if (error) return fail(Error::fromErrno(directory, error.value()));
  std::sort(names.begin(), names.end());
  return names;
}

// Of a folder or a link.
Result<void> addMark(archive* writer, const fs::path& path, const std::string& name) {
  const std::unique_ptr<archive_entry, FreeEntry> entry(archive_entry_new());
  archive_entry_set_pathname(entry.get(), name.c_str());
  std::error_code error;
  if (fs::is_symlink(path, error)) {
    const fs::path target = fs::read_symlink(path, error);
    if (error) return fail(Error::fromErrno(path.string(), error.value()));
    archive_entry_set_filetype(entry.get(), AE_IFLNK);
    archive_entry_set_symlink(entry.get(), target.c_str());
    archive_entry_set_perm(entry.get(), 0777);
  } else {
    archive_entry_set_filetype(entry.get(), AE_IFDIR);
    archive_entry_set_perm(entry.get(), 0755);
  }
  if (archive_write_header(writer, entry.get()) != ARCHIVE_OK) return fail(errorOf(writer));
  return {};
}

Result<void> addAnything(archive* writer, const std::string& directory, const std::string& name) {
  const fs::path path = fs::path(directory) / name;
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (fs::is_symlink(status) || fs::is_directory(status)) return addMark(writer, path, name);
  return addFile(writer, directory, name);
}

using Add = Result<void> (*)(archive* writer, const std::string& directory, const std::string& name);

Result<void> write(const std::string& directory, const std::vector<std::string>& names, Add add, int to_fd) {
  const Writer writer(archive_write_new());
  archive_write_set_format_pax_restricted(writer.get());
  if (archive_write_open_fd(writer.get(), to_fd) != ARCHIVE_OK) return fail(errorOf(writer.get()));
  for (const std::string& name : names) {
    if (auto added = add(writer.get(), directory, name); !added) return added;
  }
  if (archive_write_close(writer.get()) != ARCHIVE_OK) return fail(errorOf(writer.get()));
  return {};
}

}  // namespace

Result<void> archiveLayout(const std::string& directory, int to_fd) {
  if (auto layout = ImageLayout::open(directory); !layout) return fail(std::move(layout).error());
  auto names = filesOf(directory);
  if (!names) return fail(std::move(names).error());
  return write(directory, *names, addFile, to_fd);
}

Result<void> archiveFiles(const std::string& directory, int to_fd) {
  auto names = namesBelow(directory);
  if (!names) return fail(std::move(names).error());
  return write(directory, *names, addAnything, to_fd);
}

}  // namespace wasabi::oci
