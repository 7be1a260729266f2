#include "platform/secret_value.h"

#include <openssl/crypto.h>

namespace wasabi::platform {

// A short text lies in the object itself: moving copies it, so what is left behind is wiped as well.
SecretValue::SecretValue(SecretValue&& other) noexcept : bytes_(std::move(other.bytes_)) {
  other.wipe();
}

SecretValue& SecretValue::operator=(SecretValue&& other) noexcept {
  if (this != &other) {
    wipe();
    bytes_ = std::move(other.bytes_);
    other.wipe();
  }
  return *this;
}

void SecretValue::wipe() {
  // All that the buffer may hold, not only what counts now.
  bytes_.resize(bytes_.capacity());
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
  bytes_.clear();
}

}  // namespace wasabi::platform
