#include "oci/digest.h"

#include <fmt/format.h>

#include "base/text.h"

namespace wasabi::oci {
namespace {

constexpr std::string_view kAlgorithm = "sha256:";

}  // namespace

std::string Digest::toHex() const {
  return wasabi::toHex(bytes.data(), bytes.size());
}

std::string toString(const Digest& digest) {
  return std::string(kAlgorithm) + digest.toHex();
}

Result<Digest> parseDigest(std::string_view text) {
  if (!text.starts_with(kAlgorithm)) {
    return fail(ErrorCode::kInvalid, "a digest begins with 'sha256:'; other algorithms are not accepted");
  }
  text.remove_prefix(kAlgorithm.size());
  Digest digest;
  if (text.size() != 2 * digest.bytes.size()) {
    return fail(ErrorCode::kInvalid, fmt::format("a sha256 digest has 64 hex digits, this one {}", text.size()));
  }
  for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
    const char first = text[2 * i];
    const char second = text[2 * i + 1];
    const int high = hexValue(first);
    const int low = hexValue(second);
    if (high < 0 || low < 0 || first != toLower(first) || second != toLower(second)) {
      return fail(ErrorCode::kInvalid, "a sha256 digest has hex digits in lower case only");
    }
    digest.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return digest;
}

}  // namespace wasabi::oci
