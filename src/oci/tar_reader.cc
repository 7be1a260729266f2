#include "oci/tar_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <clocale>

#include "base/check.h"

namespace wasabi::oci {
namespace {

// With the C locale libarchive gives the bytes of names as they are; with a UTF-8 one it composes what was written
// decomposed, so that files get other names than their archive says.
class PlainLocale {
 public:
  PlainLocale() : locale_(newlocale(LC_CTYPE_MASK, "C", nullptr)), before_(uselocale(locale_)) {}
  ~PlainLocale() {
    uselocale(before_);
    freelocale(locale_);
  }
  PlainLocale(const PlainLocale&) = delete;
  PlainLocale& operator=(const PlainLocale&) = delete;

 private:
  locale_t locale_;
  locale_t before_;
};

// What it says when it warns about names it cannot convert, which it keeps as bytes then.
bool isAboutNames(const char* warning) {
  return warning != nullptr && std::string_view(warning).find("can't be converted") != std::string_view::npos;
}

std::string textOrEmpty(const char* text) {
  return text == nullptr ? std::string() : std::string(text);
}

EntryKind kindOf(archive_entry* entry) {
  if (archive_entry_hardlink(entry) != nullptr) return EntryKind::kHardLink;
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
      return EntryKind::kFile;
    case AE_IFDIR:
      return EntryKind::kDirectory;
    case AE_IFLNK:
      return EntryKind::kSymlink;
    case AE_IFIFO:
      return EntryKind::kFifo;
    case AE_IFCHR:
    case AE_IFBLK:
      return EntryKind::kDevice;
    default:
      return EntryKind::kOther;
  }
}

void readXattrs(archive_entry* entry, TarEntry& to) {
  archive_entry_xattr_reset(entry);
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
    to.xattrs.emplace_back(textOrEmpty(name), std::string(static_cast<const char*>(value), size));
  }
}

TarEntry convert(archive_entry* entry) {
  TarEntry converted;
  converted.kind = kindOf(entry);
  converted.path = textOrEmpty(archive_entry_pathname(entry));
  if (converted.kind == EntryKind::kHardLink) converted.link = textOrEmpty(archive_entry_hardlink(entry));
  if (converted.kind == EntryKind::kSymlink) converted.link = textOrEmpty(archive_entry_symlink(entry));
  converted.mode = archive_entry_perm(entry);
  converted.uid = archive_entry_uid(entry);
  converted.gid = archive_entry_gid(entry);
  converted.mtime_seconds = archive_entry_mtime(entry);
  converted.mtime_nanoseconds = archive_entry_mtime_nsec(entry);
  if (archive_entry_size(entry) > 0) converted.size = static_cast<std::uint64_t>(archive_entry_size(entry));
  readXattrs(entry, converted);
  return converted;
}

}  // namespace

void TarReader::ArchiveDeleter::operator()(archive* reader) const {
  archive_read_free(reader);
}

TarReader::TarReader(UnpackedStream& stream) : stream_(stream), reader_(archive_read_new()) {
  WASABI_CHECK(reader_ != nullptr);
}

TarReader::~TarReader() = default;

Result<std::unique_ptr<TarReader>> TarReader::open(UnpackedStream& stream) {
  std::unique_ptr<TarReader> tar(new TarReader(stream));
  archive_read_support_format_tar(tar->reader_.get());
  archive_read_support_format_empty(tar->reader_.get());
  if (archive_read_open(tar->reader_.get(), tar.get(), nullptr, readStream, nullptr) != ARCHIVE_OK) {
    return fail(tar->problem());
  }
  return tar;
}

long TarReader::readStream(archive* reader, void* self, const void** buffer) {
  auto& tar = *static_cast<TarReader*>(self);
  auto bytes = tar.stream_.next();
  if (!bytes) {
    archive_set_error(reader, EIO, "the stream ended with an error");
    tar.stream_error_ = std::move(bytes).error();
    return -1;
  }
  tar.read_in_this_call_ += bytes->size();
  if (tar.read_in_this_call_ > kMaxTarHeaderBytes.value) {
    archive_set_error(reader, EIO, "too long a header");
    tar.stream_error_ =
        Error(ErrorCode::kExhausted, fmt::format("an entry's header has more than {}", toString(kMaxTarHeaderBytes)));
    return -1;
  }
  *buffer = bytes->data();
  return static_cast<long>(bytes->size());
}

Error TarReader::problem() {
  if (stream_error_) return *std::exchange(stream_error_, std::nullopt);
  return {ErrorCode::kCorrupt,
          fmt::format("not a tar archive that can be read: {}", textOrEmpty(archive_error_string(reader_.get())))};
}

Result<std::optional<TarEntry>> TarReader::next() {
  // What is skipped of the entry before is no header.
  while (has_entry_) {
    auto skipped = content();
    if (!skipped) return fail(std::move(skipped).error());
    if (!*skipped) break;
  }
  has_entry_ = false;
  const PlainLocale locale;
  read_in_this_call_ = 0;
  archive_entry* entry = nullptr;
  const int status = archive_read_next_header(reader_.get(), &entry);
  if (status == ARCHIVE_EOF && !stream_error_) return std::optional<TarEntry>();
  const bool usable =
      status == ARCHIVE_OK || (status == ARCHIVE_WARN && isAboutNames(archive_error_string(reader_.get())));
  if (!usable || stream_error_) return fail(problem());
  has_entry_ = true;
  TarEntry converted = convert(entry);
  if (converted.path.empty()) return fail(ErrorCode::kCorrupt, "an entry of the archive has no name");
  return std::optional<TarEntry>(std::move(converted));
}

Result<std::optional<TarPiece>> TarReader::content() {
  const PlainLocale locale;
  while (true) {
    read_in_this_call_ = 0;
    const void* data = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int status = archive_read_data_block(reader_.get(), &data, &size, &offset);
    if (stream_error_ || (status != ARCHIVE_OK && status != ARCHIVE_EOF)) return fail(problem());
    if (status == ARCHIVE_EOF) return std::optional<TarPiece>();
    if (size == 0) continue;
    if (offset < 0) return fail(ErrorCode::kCorrupt, "an entry's content begins before its start");
    return std::optional<TarPiece>(
        TarPiece{static_cast<std::uint64_t>(offset), {static_cast<const char*>(data), size}});
  }
}

}  // namespace wasabi::oci
