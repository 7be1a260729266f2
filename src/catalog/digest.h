// SHA-256, as module digests, versions and signatures use it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "catalog/function_spec.h"

namespace wasabi::catalog {

using Sha256Bytes = std::array<std::uint8_t, 32>;

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::string_view bytes);
  // Once, at the end.
  Sha256Bytes finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

Sha256Bytes sha256(std::string_view bytes);

// Reads exactly `size` bytes from the start of the file; kCorrupt if it ends before. `consume` sees every piece.
Result<void> readPieces(int fd, std::uint64_t size, const std::function<Result<void>(std::string_view)>& consume);

// The digest of the first `size` bytes of an open file.
Result<Sha256Bytes> sha256OfFile(int fd, std::uint64_t size);

std::string toHex(const std::uint8_t* bytes, std::size_t count);

struct ModuleDigestHash {
  std::size_t operator()(const ModuleDigest& digest) const noexcept;
};

}  // namespace wasabi::catalog
