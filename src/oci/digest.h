// The digest that names a blob: "sha256:" and 64 hex digits. Other algorithms are refused.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/sha256.h"

namespace wasabi::oci {

struct Digest {
  Sha256Bytes bytes{};
  auto operator<=>(const Digest&) const = default;
  // The 64 hex digits alone, as file names have them.
  std::string toHex() const;
};

std::string toString(const Digest& digest);
// kInvalid for anything but sha256 in lower case.
Result<Digest> parseDigest(std::string_view text);

inline Digest digestOf(std::string_view bytes) {
  return {sha256(bytes)};
}

}  // namespace wasabi::oci
