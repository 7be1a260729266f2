// TLS sessions of the client, on OpenSSL. For the .cc files of this folder.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "http/client_transport.h"

namespace wasabi::http {

struct FreeTlsSession {
  void operator()(SSL* session) const { SSL_free(session); }
};
using TlsSession = std::unique_ptr<SSL, FreeTlsSession>;

// A session that believes the certificate of `host` (a name or an IP address) only.
Result<TlsSession> newTlsSession(const TlsTrust& trust, const std::string& host);

// Why the peer's certificate was not accepted; nothing where the handshake of `session` failed by something else.
std::optional<std::string> refusalOfCertificate(const SSL* session);

}  // namespace wasabi::http
