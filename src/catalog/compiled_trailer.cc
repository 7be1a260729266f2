#include "catalog/compiled_trailer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"

namespace wasabi::catalog {
namespace {

constexpr std::string_view kMagic = "wasabi compiled\n";
constexpr std::uint64_t kFormatVersion = 1;
constexpr std::size_t kSignedBytes = 128;
static_assert(kMagic.size() == 16 && kSignedBytes + std::tuple_size_v<Signature> == kCompiledTrailerBytes);

void appendNumber(std::string& out, std::uint64_t number, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) out += static_cast<char>(number >> (8 * i));
}
void appendBytes(std::string& out, const auto& bytes) {
  out.append(bytes.begin(), bytes.end());
}

// Takes fields off the front.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}

  std::string_view text(std::size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::uint64_t number(std::size_t size) {
    std::uint64_t value = 0;
    std::size_t shift = 0;
    for (char byte : text(size)) {
      value |= std::uint64_t{static_cast<unsigned char>(byte)} << shift;
      shift += 8;
    }
    return value;
  }
  void bytes(auto& out) {
    const std::string_view taken = text(out.size());
    std::copy(taken.begin(), taken.end(), out.begin());
  }

 private:
  std::string_view rest_;
};

}  // namespace

std::string encodeTrailer(const CompiledIdentity& identity, const SigningKey& key) {
  std::string trailer(kMagic);
  appendNumber(trailer, kFormatVersion, 4);
  appendNumber(trailer, kCompiledTrailerBytes, 4);
  appendNumber(trailer, identity.code_size, 8);
  appendBytes(trailer, identity.engine);
  appendBytes(trailer, identity.module.bytes);
  appendBytes(trailer, identity.code);
  WASABI_CHECK(trailer.size() == kSignedBytes);
  appendBytes(trailer, key.sign(trailer));
  return trailer;
}

Result<CompiledIdentity> decodeTrailer(std::string_view trailer, const VerifyKey& key) {
  if (trailer.size() != kCompiledTrailerBytes) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("its trailer has {} bytes instead of {}", trailer.size(), kCompiledTrailerBytes));
  }
  Fields fields(trailer);
  if (fields.text(kMagic.size()) != kMagic) {
    return fail(ErrorCode::kCorrupt,
                "it does not end with the trailer of a compiled module (truncated, or another kind of file)");
  }
  const std::uint64_t version = fields.number(4);
  const std::uint64_t size = fields.number(4);
  if (version != kFormatVersion || size != kCompiledTrailerBytes) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("its trailer has format {}; this program reads {}", version, kFormatVersion));
  }
  CompiledIdentity identity;
  identity.code_size = fields.number(8);
  fields.bytes(identity.engine);
  fields.bytes(identity.module.bytes);
  fields.bytes(identity.code);
  Signature signature;
  fields.bytes(signature);
  if (!isSignedBy(key, trailer.substr(0, kSignedBytes), signature)) {
    return fail(ErrorCode::kCorrupt, "its signature is not one of this store's builder");
  }
  return identity;
}

}  // namespace wasabi::catalog
