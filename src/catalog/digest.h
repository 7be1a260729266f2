// Digests of files and modules.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/sha256.h"
#include "catalog/function_spec.h"

namespace wasabi::catalog {

// Reads exactly `size` bytes from the start of the file; kCorrupt if it ends before. `consume` sees every piece.
Result<void> readPieces(int fd, std::uint64_t size, const std::function<Result<void>(std::string_view)>& consume);

// The digest of the first `size` bytes of an open file.
Result<Sha256Bytes> sha256OfFile(int fd, std::uint64_t size);

struct ModuleDigestHash {
  std::size_t operator()(const ModuleDigest& digest) const noexcept;
};

}  // namespace wasabi::catalog
