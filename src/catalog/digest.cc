#include "catalog/digest.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/text.h"

namespace wasabi::catalog {
namespace {

constexpr std::size_t kPieceBytes = 256 << 10;

}  // namespace

Result<void> readPieces(int fd, std::uint64_t size, const std::function<Result<void>(std::string_view)>& consume) {
  std::vector<char> piece(static_cast<std::size_t>(std::min<std::uint64_t>(size, kPieceBytes)));
  for (std::uint64_t done = 0; done < size;) {
    const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(size - done, piece.size()));
    const ssize_t got = pread(fd, piece.data(), wanted, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Error::fromErrno("read", errno));
    if (got == 0) return fail(ErrorCode::kCorrupt, "the file became shorter while it was read");
    if (auto consumed = consume({piece.data(), static_cast<std::size_t>(got)}); !consumed) return consumed;
    done += static_cast<std::uint64_t>(got);
  }
  return {};
}

Result<Sha256Bytes> sha256OfFile(int fd, std::uint64_t size) {
  Sha256 hash;
  auto read = readPieces(fd, size, [&hash](std::string_view piece) -> Result<void> {
    hash.update(piece);
    return {};
  });
  if (!read) return fail(std::move(read).error());
  return hash.finish();
}

std::size_t ModuleDigestHash::operator()(const ModuleDigest& digest) const noexcept {
  std::size_t hash = 0;
  std::memcpy(&hash, digest.bytes.data(), sizeof hash);
  return hash;
}

std::string ModuleDigest::toHex() const {
  return wasabi::toHex(bytes.data(), bytes.size());
}

Result<ModuleDigest> parseModuleDigest(std::string_view hex) {
  ModuleDigest digest;
  if (hex.size() != 2 * digest.bytes.size()) {
    return fail(ErrorCode::kInvalid, fmt::format("a digest has 64 hex digits, this one {}", hex.size()));
  }
  for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
    const int high = hexValue(hex[2 * i]);
    const int low = hexValue(hex[2 * i + 1]);
    if (high < 0 || low < 0) return fail(ErrorCode::kInvalid, "a digest has only hex digits");
    digest.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return digest;
}

}  // namespace wasabi::catalog
