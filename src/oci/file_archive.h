// A tar archive of files that somebody sent, unpacked into a directory. It is no layer: nothing in it removes anything,
// and what has no place among plain files is refused, not skipped.
#pragma once

#include <cstdint>
#include <stop_token>

#include "base/error.h"
#include "oci/root_tree.h"
#include "oci/unpacked_stream.h"

namespace wasabi::oci {

struct FileArchiveLimits {
  StreamLimits archive{ByteSize{1ull << 30}, 200, ByteSize{64ull << 20}};  // with its headers
  ByteSize files{1ull << 30};                                              // with their holes
  std::uint64_t entries = 100'000;
  PathLimits path{64, 1'000};
};

struct FileArchiveReport {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;  // of files
};

// `archive_fd` is read from its start; it may be packed by gzip or zstd. The directory is the caller's own and empty;
// after an error it is good for removal only. Files become 0444 (0555 where their owner may execute them), directories
// 0755, all of this process; attributes and set-id bits are left behind. kInvalid: devices, pipes, paths with "..",
// links that lead out of the directory, absolute ones included, and what is no archive. kExhausted: beyond the limits.
// Blocks.
Result<FileArchiveReport> unpackFiles(int archive_fd, int directory_fd, const FileArchiveLimits& limits,
                                      const std::stop_token& stop);

}  // namespace wasabi::oci
