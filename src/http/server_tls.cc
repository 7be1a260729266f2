#include "http/server_tls.h"

#include <algorithm>
#include <utility>

#include "http/certificate_table.h"
#include "http/tls_identity.h"

namespace wasabi::http {

namespace {

Result<std::shared_ptr<const LoadedIdentity>> loadIdentity(const TlsIdentity& identity, const IdentityFiles& files,
                                                           const TlsTerms& terms, bool is_default) {
  auto loaded = LoadedIdentity::load(identity, files, terms);
  if (loaded && (*loaded)->hosts.empty() && !is_default) {
    return fail(ErrorCode::kInvalid, "the certificate file '" + identity.certificate_file +
                                         "' names no host (DNS subject alternative name), so no client would be shown "
                                         "it; use one that does, or make it the first");
  }
  return loaded;
}

Error outOfMemory() {
  return {ErrorCode::kExhausted, "cannot set up TLS: out of memory"};
}

}  // namespace

Result<std::shared_ptr<ServerTls>> ServerTls::load(std::vector<TlsIdentity> identities, TlsTerms terms) {
  if (identities.empty()) {
    return fail(ErrorCode::kInvalid, "TLS needs a certificate: give a certificate file and its key file");
  }
  CertificateTable::Identities loaded;
  for (const TlsIdentity& identity : identities) {
    const auto files = IdentityFiles::read(identity);
    if (!files) return fail(files.error());
    auto one = loadIdentity(identity, *files, terms, loaded.empty());
    if (!one) return fail(std::move(one.error()));
    loaded.push_back(std::move(*one));
  }
  auto table = CertificateTable::make(std::move(loaded), terms);
  if (table == nullptr) return fail(outOfMemory());
  return std::shared_ptr<ServerTls>(new ServerTls(std::move(identities), std::move(terms), std::move(table)));
}

ServerTls::ServerTls(std::vector<TlsIdentity> identities, TlsTerms terms, std::shared_ptr<const CertificateTable> table)
    : identities_(std::move(identities)), terms_(std::move(terms)), table_(std::move(table)) {}

ServerTls::~ServerTls() = default;

ServerTls::Reload ServerTls::reload() {
  const std::lock_guard one_at_a_time(reloading_);
  Reload outcome;
  CertificateTable::Identities loaded = current()->identities();
  for (std::size_t i = 0; i < identities_.size(); ++i) {
    const auto files = IdentityFiles::read(identities_[i]);
    if (!files) {
      outcome.refused.push_back(files.error());
      continue;
    }
    if (files->digest() == loaded[i]->digest) continue;
    auto renewed = loadIdentity(identities_[i], *files, terms_, i == 0);
    if (!renewed) {
      outcome.refused.push_back(std::move(renewed.error()));
      continue;
    }
    loaded[i] = std::move(*renewed);
    ++outcome.replaced;
  }
  if (outcome.replaced == 0) return outcome;
  auto table = CertificateTable::make(std::move(loaded), terms_);
  if (table != nullptr) {
    replace(std::move(table));
  } else {
    outcome.replaced = 0;
    outcome.refused.push_back(outOfMemory());
  }
  return outcome;
}

void ServerTls::replace(std::shared_ptr<const CertificateTable> table) {
  const std::lock_guard lock(mutex_);
  table_.swap(table);
}

std::shared_ptr<const CertificateTable> ServerTls::current() const {
  const std::lock_guard lock(mutex_);
  return table_;
}

std::chrono::system_clock::time_point ServerTls::soonestExpiry() const {
  const auto table = current();
  const auto& identities = table->identities();
  const auto sooner = [](const auto& a, const auto& b) { return a->expiry < b->expiry; };
  return (*std::min_element(identities.begin(), identities.end(), sooner))->expiry;
}

}  // namespace wasabi::http
