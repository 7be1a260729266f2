// The entries of a tar archive, as its headers say them: nothing is believed or cleaned here.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "oci/unpacked_stream.h"

namespace wasabi::oci {

enum class EntryKind : std::uint8_t { kFile, kDirectory, kSymlink, kHardLink, kFifo, kDevice, kOther };

struct TarEntry {
  EntryKind kind = EntryKind::kOther;
  std::string path;  // bytes as they are, whatever their encoding
  std::string link;  // target of a symlink or hard link
  mode_t mode = 0;   // permissions with set-id and sticky bits
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  std::int64_t mtime_seconds = 0;
  long mtime_nanoseconds = 0;
  std::uint64_t size = 0;  // of a file, with holes
  std::vector<std::pair<std::string, std::string>> xattrs;
};

struct TarPiece {
  std::uint64_t offset = 0;  // in the file; holes are what is left out
  std::string_view bytes;
};

// What may be read of the stream for one header, or for the map of a sparse file: libarchive keeps all of it in memory.
inline constexpr ByteSize kMaxTarHeaderBytes{8ull << 20};

// Not thread-safe, and changes the locale of its thread while a call lasts. Entries' sizes are bounded by the stream's
// limits only as far as they are really stored: look at TarEntry::size.
class TarReader {
 public:
  static Result<std::unique_ptr<TarReader>> open(UnpackedStream& stream);
  ~TarReader();
  TarReader(const TarReader&) = delete;
  TarReader& operator=(const TarReader&) = delete;

  // The next entry, or none at the end of the archive. What was not read of the one before is skipped.
  Result<std::optional<TarEntry>> next();
  // The next piece of the entry's content, valid until the next call; none at its end.
  Result<std::optional<TarPiece>> content();

 private:
  struct ArchiveDeleter {
    void operator()(archive* reader) const;
  };

  explicit TarReader(UnpackedStream& stream);
  static long readStream(archive* reader, void* self, const void** buffer);
  Error problem();

  UnpackedStream& stream_;
  std::uint64_t read_in_this_call_ = 0;
  bool has_entry_ = false;
  std::optional<Error> stream_error_;
  std::unique_ptr<archive, ArchiveDeleter> reader_;
};

}  // namespace wasabi::oci
