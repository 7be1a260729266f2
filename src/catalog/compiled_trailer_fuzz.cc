// No trailer but a signed one is accepted. The fuzzer cannot sign, so it also gets to change one that is signed.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "base/sha256.h"
#include "catalog/compiled_trailer.h"

namespace {

using namespace wasabi::catalog;

const SigningKey& key() {
  static const SigningKey made = SigningKey::generate();
  return made;
}

const std::string& signedTrailer() {
  static const std::string trailer =
      encodeTrailer({5, wasabi::sha256("engine"), {wasabi::sha256("module")}, wasabi::sha256("code")}, key());
  return trailer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  WASABI_CHECK(!decodeTrailer(input, key().verifyKey()));

  // The input is what is added to the signed bytes, one by one.
  std::string changed = signedTrailer();
  for (std::size_t i = 0; i < std::min(size, changed.size()); ++i)
    changed[i] = static_cast<char>(changed[i] ^ input[i]);
  const bool same = changed == signedTrailer();
  WASABI_CHECK(decodeTrailer(changed, key().verifyKey()).has_value() == same);
  return 0;
}
