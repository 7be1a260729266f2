#include "catalog/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "base/text.h"

namespace wasabi::catalog {
namespace {

constexpr std::size_t kPieceBytes = 256 << 10;

}  // namespace

struct Sha256::Impl {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~Impl() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) {
  WASABI_CHECK(impl_->context != nullptr);
  WASABI_CHECK(EVP_DigestInit_ex(impl_->context, EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) {
  WASABI_CHECK(EVP_DigestUpdate(impl_->context, bytes.data(), bytes.size()) == 1);
}

Sha256Bytes Sha256::finish() {
  Sha256Bytes result;
  WASABI_CHECK(EVP_DigestFinal_ex(impl_->context, result.data(), nullptr) == 1);
  return result;
}

Sha256Bytes sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

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

std::string toHex(const std::uint8_t* bytes, std::size_t count) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(count * 2);
  for (std::size_t i = 0; i < count; ++i) {
    hex += kDigits[bytes[i] >> 4];
    hex += kDigits[bytes[i] & 15];
  }
  return hex;
}

std::size_t ModuleDigestHash::operator()(const ModuleDigest& digest) const noexcept {
  std::size_t hash = 0;
  std::memcpy(&hash, digest.bytes.data(), sizeof hash);
  return hash;
}

std::string ModuleDigest::toHex() const {
  return catalog::toHex(bytes.data(), bytes.size());
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
