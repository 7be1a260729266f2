#include "catalog/signature.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/check.h"

namespace wasabi::catalog {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using KeyPointer = std::unique_ptr<EVP_PKEY, Free>;
using ContextPointer = std::unique_ptr<EVP_MD_CTX, Free>;
using BioPointer = std::unique_ptr<BIO, Free>;

// Without it OpenSSL would ask the terminal for the passphrase of an encrypted key.
int noPassphrase(char*, int, int, void*) {
  return -1;
}

const unsigned char* bytesOf(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

BioPointer readerOf(std::string_view text) {
  return BioPointer(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string contentOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  WASABI_CHECK(size >= 0);
  return std::string(data, static_cast<std::size_t>(size));
}

VerifyKey rawPublicKey(const EVP_PKEY* key) {
  VerifyKey raw;
  std::size_t size = raw.bytes.size();
  WASABI_CHECK(EVP_PKEY_get_raw_public_key(key, raw.bytes.data(), &size) == 1 && size == raw.bytes.size());
  return raw;
}

bool isEd25519(const KeyPointer& key) {
  return key && EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_ED25519;
}

}  // namespace

struct SigningKey::Impl {
  KeyPointer key;
};

SigningKey::SigningKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;
SigningKey::~SigningKey() = default;

SigningKey SigningKey::generate() {
  KeyPointer key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  WASABI_CHECK(key != nullptr);
  return SigningKey(std::make_unique<Impl>(Impl{std::move(key)}));
}

Result<SigningKey> SigningKey::fromPem(std::string_view pem) {
  const BioPointer bio = readerOf(pem);
  KeyPointer key(PEM_read_bio_PrivateKey(bio.get(), nullptr, noPassphrase, nullptr));
  if (!isEd25519(key)) {
    return fail(ErrorCode::kInvalid,
                "not an Ed25519 private key in PEM form without a passphrase; remove it to have a new one made");
  }
  return SigningKey(std::make_unique<Impl>(Impl{std::move(key)}));
}

std::string SigningKey::toPem() const {
  const BioPointer bio(BIO_new(BIO_s_secmem()));
  WASABI_CHECK(PEM_write_bio_PrivateKey(bio.get(), impl_->key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return contentOf(bio.get());
}

std::string SigningKey::publicPem() const {
  const BioPointer bio(BIO_new(BIO_s_mem()));
  WASABI_CHECK(PEM_write_bio_PUBKEY(bio.get(), impl_->key.get()) == 1);
  return contentOf(bio.get());
}

VerifyKey SigningKey::verifyKey() const {
  return rawPublicKey(impl_->key.get());
}

Signature SigningKey::sign(std::string_view message) const {
  const ContextPointer context(EVP_MD_CTX_new());
  Signature signature;
  std::size_t size = signature.size();
  WASABI_CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, impl_->key.get()) == 1);
  WASABI_CHECK(EVP_DigestSign(context.get(), signature.data(), &size, bytesOf(message), message.size()) == 1);
  WASABI_CHECK(size == signature.size());
  return signature;
}

bool isSignedBy(const VerifyKey& key, std::string_view message, const Signature& signature) {
  const KeyPointer public_key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.bytes.data(), key.bytes.size()));
  const ContextPointer context(EVP_MD_CTX_new());
  return public_key && context &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, public_key.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), bytesOf(message), message.size()) == 1;
}

Result<VerifyKey> parseVerifyKey(std::string_view pem) {
  const BioPointer bio = readerOf(pem);
  const KeyPointer key(PEM_read_bio_PUBKEY(bio.get(), nullptr, noPassphrase, nullptr));
  if (!isEd25519(key)) {
    return fail(ErrorCode::kInvalid,
                "not an Ed25519 public key in PEM form; the builder writes one beside its key, <key file>.pub");
  }
  return rawPublicKey(key.get());
}

}  // namespace wasabi::catalog
