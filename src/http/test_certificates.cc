#include "http/test_certificates.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/check.h"
#include "http/tls_handles.h"

namespace wasabi::http {

namespace {

struct Signer {
  SslKey key;
  SslCertificate certificate;
};

void addExtension(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  WASABI_CHECK(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

Signer makeCertificate(const std::string& name, const TestCertificates::Options& options, const Signer* issuer) {
  Signer made{SslKey(EVP_EC_gen("P-256")), SslCertificate(X509_new())};
  X509* certificate = made.certificate.get();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), issuer == nullptr ? 1 : 2);
  X509_gmtime_adj(X509_getm_notBefore(certificate), options.begins_after);
  X509_gmtime_adj(X509_getm_notAfter(certificate), options.ends_after);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  const Signer& signer = issuer == nullptr ? made : *issuer;
  X509_set_issuer_name(certificate, X509_get_subject_name(signer.certificate.get()));
  std::string names;
  for (const std::string& host : options.hosts) names += (names.empty() ? "DNS:" : ",DNS:") + host;
  if (!names.empty()) addExtension(certificate, NID_subject_alt_name, names);
  WASABI_CHECK(X509_sign(certificate, signer.key.get(), EVP_sha256()) > 0);
  return made;
}

}  // namespace

TestCertificates::TestCertificates() {
  std::string pattern = (std::filesystem::temp_directory_path() / "wasabi-tls-XXXXXX").string();
  WASABI_CHECK(::mkdtemp(pattern.data()) != nullptr);
  directory_ = pattern;
}

TestCertificates::~TestCertificates() {
  std::filesystem::remove_all(directory_);
}

TlsIdentity TestCertificates::make(const std::string& name, const Options& options) {
  const std::string stem = directory_ + "/" + name;
  TlsIdentity identity{stem + ".crt", stem + ".key"};
  const Signer authority = makeCertificate("authority", {}, nullptr);
  const Signer own = makeCertificate(name, options, options.with_issuer ? &authority : nullptr);
  FILE* file = std::fopen(identity.certificate_file.c_str(), "w");
  WASABI_CHECK(file != nullptr && PEM_write_X509(file, own.certificate.get()) == 1);
  WASABI_CHECK(!options.with_issuer || PEM_write_X509(file, authority.certificate.get()) == 1);
  std::fclose(file);
  file = std::fopen(identity.key_file.c_str(), "w");
  const EVP_CIPHER* cipher = options.encrypted_key ? EVP_aes_256_cbc() : nullptr;
  const unsigned char passphrase[] = "secret";
  WASABI_CHECK(file != nullptr && PEM_write_PrivateKey(file, own.key.get(), cipher, passphrase,
                                                       options.encrypted_key ? 6 : 0, nullptr, nullptr) == 1);
  std::fclose(file);
  return identity;
}

void TestCertificates::copy(const TlsIdentity& from, const TlsIdentity& to) {
  constexpr auto kOver = std::filesystem::copy_options::overwrite_existing;
  std::filesystem::copy_file(from.certificate_file, to.certificate_file, kOver);
  std::filesystem::copy_file(from.key_file, to.key_file, kOver);
}

void TestCertificates::write(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

}  // namespace wasabi::http
