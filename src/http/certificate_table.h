// Which certificate a client is shown. For the .cc files of this folder.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "http/tls_handles.h"
#include "http/tls_identity.h"

namespace wasabi::http {

// Immutable: a renewal makes another one. Thread-safe.
class CertificateTable {
 public:
  using Identities = std::vector<std::shared_ptr<const LoadedIdentity>>;

  // None if memory has run out.
  static std::shared_ptr<const CertificateTable> make(Identities identities, const TlsTerms& terms);

  const Identities& identities() const { return identities_; }
  // For a client that names this host; empty for none.
  const LoadedIdentity& find(std::string_view host) const;

  // A server's session before its handshake, during which the table must live. None if memory has run out.
  SslHandle newSession() const;

 private:
  CertificateTable(Identities identities, SslContext entrance);

  static int chooseByName(SSL* session, int* alert, void* table);

  Identities identities_;
  std::unordered_map<std::string, const LoadedIdentity*> by_host_;
  SslContext entrance_;  // of sessions that have not heard the client's greeting
};

}  // namespace wasabi::http
