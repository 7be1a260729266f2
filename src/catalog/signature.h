// Ed25519: the builder signs what it compiled, boxes check it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "catalog/module_store.h"

namespace wasabi::catalog {

using Signature = std::array<std::uint8_t, 64>;

// The private half.
class SigningKey {
 public:
  static SigningKey generate();
  // PEM (PKCS #8), as `openssl genpkey -algorithm ed25519` writes it.
  static Result<SigningKey> fromPem(std::string_view pem);
  SigningKey(SigningKey&&) noexcept;
  SigningKey& operator=(SigningKey&&) noexcept;
  ~SigningKey();

  std::string toPem() const;
  // The public half alone.
  std::string publicPem() const;
  VerifyKey verifyKey() const;
  Signature sign(std::string_view message) const;

 private:
  struct Impl;
  explicit SigningKey(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

bool isSignedBy(const VerifyKey& key, std::string_view message, const Signature& signature);

}  // namespace wasabi::catalog
