// A certificate with its key, as read from files and as shown by sessions. For the .cc files of this folder.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "http/server_tls.h"
#include "http/tls_handles.h"

namespace wasabi::http {

// What the files of a TlsIdentity hold.
class IdentityFiles {
 public:
  using Digest = std::array<std::uint8_t, 32>;

  static Result<IdentityFiles> read(const TlsIdentity& identity);
  ~IdentityFiles();
  IdentityFiles(IdentityFiles&&) noexcept = default;
  IdentityFiles& operator=(IdentityFiles&&) = delete;

  // Tells other content apart.
  Digest digest() const;
  const std::string& certificate() const { return certificate_; }
  const std::string& key() const { return key_; }

 private:
  IdentityFiles(std::string certificate, std::string key);

  std::string certificate_;
  std::string key_;  // overwritten in the end
};

// Immutable; the sessions of all threads share its context.
struct LoadedIdentity {
  // Refuses what does not belong together or is not valid now.
  static Result<std::shared_ptr<const LoadedIdentity>> load(const TlsIdentity& identity, const IdentityFiles& files,
                                                            const TlsTerms& terms);

  SslContext context;
  std::vector<std::string> hosts;  // lower case; "*.example.com" for any one label in front
  std::chrono::system_clock::time_point expiry;
  IdentityFiles::Digest digest{};
};

// With this server's versions, ciphers and protocols, and without a certificate. None if memory has run out, or where
// OpenSSL does not know what the terms name.
SslContext newServerContext(const TlsTerms& terms);

}  // namespace wasabi::http
