// The bytes of an archive that may be packed by gzip or zstd, counted and hashed while they are read.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "oci/digest.h"

struct archive;

namespace wasabi::oci {

struct StreamLimits {
  ByteSize bytes{16ull << 30};  // unpacked
  // Unpacked bytes per packed byte, looked at beyond the first `ratio_grace` of unpacked ones. gzip cannot do better
  // than about 1,030; what people ship stays below 20.
  std::uint32_t ratio = 200;
  ByteSize ratio_grace{64ull << 20};
};

// Not thread-safe. Blocks on the file only.
class UnpackedStream {
 public:
  // Reads the open file from its start; how it is packed is told by its bytes. The file must outlive this object.
  static Result<std::unique_ptr<UnpackedStream>> open(int fd, const StreamLimits& limits, std::stop_token stop);
  ~UnpackedStream();
  UnpackedStream(const UnpackedStream&) = delete;
  UnpackedStream& operator=(const UnpackedStream&) = delete;

  // The next bytes, valid until the next call; empty at the end. kExhausted at a limit, kCorrupt for what cannot be
  // unpacked, kUnavailable after a stop request.
  Result<std::string_view> next();
  // Reads what is left; the digest of all unpacked bytes. Once.
  Result<Digest> finish();

  std::uint64_t packedBytes() const { return packed_; }
  std::uint64_t unpackedBytes() const { return unpacked_; }

 private:
  struct ArchiveDeleter {
    void operator()(archive* reader) const;
  };

  UnpackedStream(int fd, const StreamLimits& limits, std::stop_token stop);
  Result<void> begin();
  static long readPacked(archive* reader, void* self, const void** buffer);

  int fd_;
  StreamLimits limits_;
  std::stop_token stop_;
  Sha256 hash_;
  std::uint64_t packed_ = 0;
  std::uint64_t unpacked_ = 0;
  bool at_end_ = false;
  std::unique_ptr<char[]> piece_;
  std::unique_ptr<archive, ArchiveDeleter> reader_;
};

}  // namespace wasabi::oci
