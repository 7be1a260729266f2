#include "http/certificate_table.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "http/character_class.h"

namespace wasabi::http {

std::shared_ptr<const CertificateTable> CertificateTable::make(Identities identities, const TlsTerms& terms) {
  WASABI_CHECK(!identities.empty());
  SslContext entrance = newServerContext(terms);
  if (entrance == nullptr) return nullptr;
  return std::shared_ptr<const CertificateTable>(new CertificateTable(std::move(identities), std::move(entrance)));
}

CertificateTable::CertificateTable(Identities identities, SslContext entrance)
    : identities_(std::move(identities)), entrance_(std::move(entrance)) {
  for (const auto& identity : identities_) {
    for (const std::string& host : identity->hosts) by_host_.try_emplace(host, identity.get());
  }
  // The functions themselves and not OpenSSL's macros for them, which cast in the old style.
  SSL_CTX_callback_ctrl(entrance_.get(), SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                        reinterpret_cast<void (*)()>(&CertificateTable::chooseByName));
  SSL_CTX_ctrl(entrance_.get(), SSL_CTRL_SET_TLSEXT_SERVERNAME_ARG, 0, this);
}

// Called in each handshake, once the client's greeting is there, whether or not it names a host.
int CertificateTable::chooseByName(SSL* session, int*, void* table) {
  const char* name = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
  const LoadedIdentity& chosen = static_cast<const CertificateTable*>(table)->find(name == nullptr ? "" : name);
  SSL_set_SSL_CTX(session, chosen.context.get());
  return name == nullptr ? SSL_TLSEXT_ERR_NOACK : SSL_TLSEXT_ERR_OK;
}

const LoadedIdentity& CertificateTable::find(std::string_view host) const {
  if (host.ends_with('.')) host.remove_suffix(1);
  std::string name(host);
  std::transform(name.begin(), name.end(), name.begin(), toLower);
  auto found = by_host_.find(name);
  if (found == by_host_.end()) {
    const std::size_t label = std::min(name.find('.'), name.size());
    found = by_host_.find(name.replace(0, label, "*"));
  }
  return found == by_host_.end() ? *identities_.front() : *found->second;
}

SslHandle CertificateTable::newSession() const {
  SslHandle session(SSL_new(entrance_.get()));
  if (session != nullptr) SSL_set_accept_state(session.get());
  return session;
}

}  // namespace wasabi::http
