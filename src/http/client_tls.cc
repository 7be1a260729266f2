#include "http/client_tls.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <utility>

namespace wasabi::http {
namespace {

// Bundles in one file, as distributions lay them out. OpenSSL's own default would open a file of its directory for
// each unknown issuer, during handshakes, which the locked-in box may not.
constexpr const char* kSystemBundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",  // Debian, Ubuntu, Alpine, distroless
    "/etc/pki/tls/certs/ca-bundle.crt",    // Fedora, Red Hat
    "/etc/ssl/ca-bundle.pem",              // SUSE
    "/etc/ssl/cert.pem",                   // BSD, musl images
};

struct FreeTlsContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using TlsContext = std::unique_ptr<SSL_CTX, FreeTlsContext>;

std::string takeOpenSslError() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown error" : reason;
}

class LoadedTrust : public TlsTrust {
 public:
  LoadedTrust(TlsContext context, bool empty) : context_(std::move(context)), empty_(empty) {}

  SSL_CTX* context() const { return context_.get(); }
  bool empty() const { return empty_; }

 private:
  TlsContext context_;
  bool empty_;
};

// HTTP/1.1 is all this client speaks.
constexpr unsigned char kAlpn[] = "\x08http/1.1";

TlsContext newContext() {
  TlsContext context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) return context;
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  const bool set = SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) == 1 &&
                   SSL_CTX_set_alpn_protos(context.get(), kAlpn, sizeof kAlpn - 1) == 0;
  return set ? std::move(context) : TlsContext();
}

bool loadSystemBundle(SSL_CTX* context) {
  for (const char* bundle : kSystemBundles) {
    if (access(bundle, R_OK) == 0 && SSL_CTX_load_verify_file(context, bundle) == 1) return true;
  }
  ERR_clear_error();
  return false;
}

bool expectHost(SSL* session, const std::string& host) {
  X509_VERIFY_PARAM* expected = SSL_get0_param(session);
  X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (parseIpAddress(host)) return X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str()) == 1;
  // The dot of a fully qualified name is for the resolver; certificates and SNI go without.
  const std::string name = host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
  // SSL_ctrl() and not its macro SSL_set_tlsext_host_name(), which casts in the old style.
  return SSL_set1_host(session, name.c_str()) == 1 &&
         SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(name.c_str())) ==
             1;
}

}  // namespace

Result<std::shared_ptr<const TlsTrust>> TlsTrust::load(const ClientTls& tls) {
  TlsContext context = newContext();
  if (context == nullptr) return fail(ErrorCode::kInternal, "cannot set up TLS: " + takeOpenSslError());
  bool empty = true;
  if (tls.trust_system) empty = !loadSystemBundle(context.get());
  if (!tls.ca_file.empty()) {
    if (SSL_CTX_load_verify_file(context.get(), tls.ca_file.c_str()) != 1) {
      return fail(ErrorCode::kInvalid, "cannot use the CA file '" + tls.ca_file + "': " + takeOpenSslError() +
                                           " (it must be readable and hold certificates in PEM)");
    }
    empty = false;
  }
  return std::make_shared<const LoadedTrust>(std::move(context), empty);
}

Result<TlsSession> newTlsSession(const TlsTrust& trust, const std::string& host) {
  const auto& loaded = static_cast<const LoadedTrust&>(trust);
  if (loaded.empty()) {
    return fail(ErrorCode::kUnavailable,
                "no CA certificates to check '" + host + "' with: install ca-certificates or name a CA file");
  }
  TlsSession session(SSL_new(loaded.context()));
  if (session == nullptr || !expectHost(session.get(), host)) {
    return fail(ErrorCode::kInternal, "cannot set up TLS for '" + host + "': " + takeOpenSslError());
  }
  return session;
}

std::optional<std::string> refusalOfCertificate(const SSL* session) {
  const long verdict = SSL_get_verify_result(session);
  if (verdict == X509_V_OK) return std::nullopt;
  return std::string("the certificate is not accepted: ") + X509_verify_cert_error_string(verdict);
}

}  // namespace wasabi::http
