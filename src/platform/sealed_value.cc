#include "platform/sealed_value.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>
#include <vector>

#include "base/check.h"

namespace wasabi::platform {
namespace {

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

Context newContext() {
  Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  WASABI_CHECK(context != nullptr);
  return context;
}

unsigned char* bytesOfText(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}
const unsigned char* bytesOfText(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

Result<std::string> randomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(bytesOfText(bytes), static_cast<int>(count)) != 1) {
    return fail(ErrorCode::kUnavailable, "the system gives no random numbers");
  }
  return bytes;
}

Result<std::string> seal(const SecretValue& key, std::string_view plain, std::string_view bound_to) {
  WASABI_CHECK(key.reveal().size() == kSealKeyBytes);
  auto nonce = randomBytes(kNonceBytes);
  if (!nonce) return fail(std::move(nonce).error());
  std::string sealed = *nonce + std::string(plain.size() + kTagBytes, '\0');
  unsigned char* const out = bytesOfText(sealed) + kNonceBytes;
  const Context context = newContext();
  int size = 0;
  bool ok = EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytesOfText(key.reveal()),
                               bytesOfText(*nonce)) == 1;
  ok = ok &&
       EVP_EncryptUpdate(context.get(), nullptr, &size, bytesOfText(bound_to), static_cast<int>(bound_to.size())) == 1;
  ok = ok && EVP_EncryptUpdate(context.get(), out, &size, bytesOfText(plain), static_cast<int>(plain.size())) == 1;
  ok = ok && EVP_EncryptFinal_ex(context.get(), out + plain.size(), &size) == 1;
  ok = ok && EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, out + plain.size()) == 1;
  if (!ok) return fail(ErrorCode::kInternal, "AES-256-GCM failed to seal");
  return sealed;
}

Result<SecretValue> unseal(const SecretValue& key, std::string_view sealed, std::string_view bound_to) {
  WASABI_CHECK(key.reveal().size() == kSealKeyBytes);
  if (sealed.size() < kNonceBytes + kTagBytes) return fail(ErrorCode::kCorrupt, "a sealed value is too short");
  const std::string_view cipher = sealed.substr(kNonceBytes, sealed.size() - kNonceBytes - kTagBytes);
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  std::string plain(cipher.size(), '\0');
  const Context context = newContext();
  int size = 0;
  bool ok = EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytesOfText(key.reveal()),
                               bytesOfText(sealed)) == 1;
  ok = ok &&
       EVP_DecryptUpdate(context.get(), nullptr, &size, bytesOfText(bound_to), static_cast<int>(bound_to.size())) == 1;
  ok = ok && EVP_DecryptUpdate(context.get(), bytesOfText(plain), &size, bytesOfText(cipher),
                               static_cast<int>(cipher.size())) == 1;
  ok = ok && EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1;
  ok = ok && EVP_DecryptFinal_ex(context.get(), bytesOfText(plain) + plain.size(), &size) == 1;
  SecretValue value(std::move(plain));
  if (!ok) return fail(ErrorCode::kCorrupt, "a sealed value does not open: it was damaged, or the key is another one");
  return value;
}

std::string toBase64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(bytesOfText(text), bytesOfText(bytes), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

Result<std::string> fromBase64(std::string_view text) {
  std::string bytes(3 * (text.size() / 4), '\0');
  const int size =
      text.size() % 4 == 0 ? EVP_DecodeBlock(bytesOfText(bytes), bytesOfText(text), static_cast<int>(text.size())) : -1;
  if (size < 0) return fail(ErrorCode::kCorrupt, "a text is not base64");
  // The decoder counts what padding stands for as bytes.
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

}  // namespace wasabi::platform
