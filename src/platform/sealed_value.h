// AES-256-GCM. Private to secrets.cc.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "platform/secret_value.h"

namespace wasabi::platform {

inline constexpr std::size_t kSealKeyBytes = 32;
inline constexpr std::size_t kNonceBytes = 12;
inline constexpr std::size_t kTagBytes = 16;

// `count` bytes that nobody can guess.
Result<std::string> randomBytes(std::size_t count);

// Nonce, then ciphertext, then tag. `bound_to` has to be the same when it is opened.
Result<std::string> seal(const SecretValue& key, std::string_view plain, std::string_view bound_to);
// kCorrupt: damaged, sealed with another key, or bound to something else.
Result<SecretValue> unseal(const SecretValue& key, std::string_view sealed, std::string_view bound_to);

std::string toBase64(std::string_view bytes);
Result<std::string> fromBase64(std::string_view text);

}  // namespace wasabi::platform
