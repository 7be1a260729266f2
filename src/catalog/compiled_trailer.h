// The signed end of a compiled module's file: what the code before it is, and who says so.
//
//   code (code_size bytes) | trailer (kCompiledTrailerBytes)
//
// All numbers are little-endian:
//     0  magic, 16 bytes          16  format version, u32       20  trailer size, u32      24  code size, u64
//    32  SHA-256 of the engine fingerprint   64  SHA-256 of the module   96  SHA-256 of the code
//   128  Ed25519 signature of bytes 0 to 127
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "catalog/digest.h"
#include "catalog/signature.h"

namespace wasabi::catalog {

inline constexpr std::size_t kCompiledTrailerBytes = 192;

struct CompiledIdentity {
  std::uint64_t code_size = 0;
  Sha256Bytes engine{};  // of the fingerprint's text
  ModuleDigest module;
  Sha256Bytes code{};

  bool operator==(const CompiledIdentity&) const = default;
};

std::string encodeTrailer(const CompiledIdentity& identity, const SigningKey& key);

// kCorrupt with the check that failed: size, magic, format, or signature.
Result<CompiledIdentity> decodeTrailer(std::string_view trailer, const VerifyKey& key);

}  // namespace wasabi::catalog
