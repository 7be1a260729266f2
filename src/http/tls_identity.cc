#include "http/tls_identity.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/file_descriptor.h"
#include "http/character_class.h"

namespace wasabi::http {

namespace {

constexpr off_t kMaxFileBytes = 1024 * 1024;
// In this order where the client takes both; what it takes none of ends the handshake.
constexpr std::string_view kProtocols = "\x02h2\x08http/1.1";
// Of TLS 1.2; all of 1.3 are alike.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

struct FreeCertificates {
  void operator()(STACK_OF(X509) * all) const { sk_X509_pop_free(all, X509_free); }
};
using Certificates = std::unique_ptr<STACK_OF(X509), FreeCertificates>;

Result<std::string> readFile(const std::string& path) {
  // Without waiting: the file might be a pipe that nobody writes to.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) return fail(Error::fromErrno("open", errno));
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kInvalid, "it is not a file");
  if (status.st_size > kMaxFileBytes) return fail(ErrorCode::kInvalid, "it has more than 1 MiB");
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Error::fromErrno("read", errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

std::string certificateFile(const TlsIdentity& identity) {
  return "the certificate file '" + identity.certificate_file + "'";
}

std::string keyFile(const TlsIdentity& identity) {
  return "the key file '" + identity.key_file + "'";
}

// A file that was read, as OpenSSL reads it.
SslBio bioOn(const std::string& text) {
  return SslBio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// The server's own certificate first.
Result<Certificates> parseCertificates(const TlsIdentity& identity, const std::string& text) {
  Certificates all(sk_X509_new_null());
  const SslBio bio = bioOn(text);
  while (all != nullptr && bio != nullptr) {
    SslCertificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (certificate == nullptr) break;
    if (sk_X509_push(all.get(), certificate.get()) > 0) certificate.release();
  }
  const unsigned long error = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  const std::string what = takeSslError();
  if (!at_end) {
    return fail(ErrorCode::kInvalid,
                certificateFile(identity) + " is damaged: " + what +
                    "; it must hold the server's certificate and then the intermediate ones, in PEM");
  }
  if (sk_X509_num(all.get()) == 0) {
    return fail(ErrorCode::kInvalid, certificateFile(identity) +
                                         " holds no certificate in PEM (a part that starts with "
                                         "'-----BEGIN CERTIFICATE-----')");
  }
  return all;
}

Result<SslKey> parseKey(const TlsIdentity& identity, const std::string& text) {
  bool encrypted = false;
  // Without this OpenSSL would ask for the passphrase on the terminal.
  const auto no_passphrase = [](char*, int, int, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
  };
  const SslBio bio = bioOn(text);
  SslKey key(bio == nullptr ? nullptr : PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, &encrypted));
  const std::string what = takeSslError();
  if (encrypted) {
    return fail(ErrorCode::kInvalid, keyFile(identity) + " is encrypted; give it decrypted ('openssl pkey -in " +
                                         identity.key_file + " -out ...'), readable by the server alone");
  }
  if (key == nullptr) {
    return fail(ErrorCode::kInvalid, keyFile(identity) + " holds no private key in PEM (" + what + ")");
  }
  return key;
}

std::string dateOf(const ASN1_TIME* time) {
  std::tm parts{};
  std::array<char, 32> text{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unknown time";
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts)};
}

Result<void> checkValidToday(const TlsIdentity& identity, const X509* certificate) {
  const ASN1_TIME* start = X509_get0_notBefore(certificate);
  const ASN1_TIME* end = X509_get0_notAfter(certificate);
  if (X509_cmp_current_time(end) <= 0) {
    return fail(ErrorCode::kInvalid,
                certificateFile(identity) + " holds a certificate that ended at " + dateOf(end) + "; renew it");
  }
  if (X509_cmp_current_time(start) >= 0) {
    return fail(ErrorCode::kInvalid, certificateFile(identity) + " holds a certificate that begins at " +
                                         dateOf(start) + " only; use the one before, or set this machine's clock");
  }
  return {};
}

std::vector<std::string> hostsOf(const X509* certificate) {
  std::vector<std::string> hosts;
  auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_DNS) continue;
    const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    std::string host(text, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
    std::transform(host.begin(), host.end(), host.begin(), toLower);
    hosts.push_back(std::move(host));
  }
  GENERAL_NAMES_free(names);
  return hosts;
}

std::chrono::system_clock::time_point expiryOf(const X509* certificate) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

int chooseProtocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                   unsigned int offered_size, void*) {
  unsigned char* match = nullptr;
  const auto* ours = reinterpret_cast<const unsigned char*>(kProtocols.data());
  const int outcome =
      SSL_select_next_proto(&match, chosen_size, ours, static_cast<unsigned>(kProtocols.size()), offered, offered_size);
  *chosen = match;
  return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int numberOf(TlsTerms::Version version) {
  return version == TlsTerms::Version::k12 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

}  // namespace

Result<IdentityFiles> IdentityFiles::read(const TlsIdentity& identity) {
  const std::string mend = "; it must be there and readable by the server";
  auto certificate = readFile(identity.certificate_file);
  if (!certificate) {
    return fail(ErrorCode::kInvalid,
                "cannot use " + certificateFile(identity) + ": " + certificate.error().message() + mend);
  }
  auto key = readFile(identity.key_file);
  if (!key) {
    return fail(ErrorCode::kInvalid, "cannot use " + keyFile(identity) + ": " + key.error().message() + mend);
  }
  return IdentityFiles(std::move(*certificate), std::move(*key));
}

IdentityFiles::IdentityFiles(std::string certificate, std::string key)
    : certificate_(std::move(certificate)), key_(std::move(key)) {}

IdentityFiles::~IdentityFiles() {
  OPENSSL_cleanse(key_.data(), key_.size());
}

IdentityFiles::Digest IdentityFiles::digest() const {
  Digest digest{};
  // Each by itself first, so that moving bytes from one file to the other makes a difference.
  std::array<std::uint8_t, 2 * std::tuple_size_v<Digest>> both{};
  const auto hash = [](const void* data, std::size_t size, std::uint8_t* out) {
    WASABI_CHECK(EVP_Digest(data, size, out, nullptr, EVP_sha256(), nullptr) == 1);
  };
  hash(certificate_.data(), certificate_.size(), both.data());
  hash(key_.data(), key_.size(), both.data() + digest.size());
  hash(both.data(), both.size(), digest.data());
  return digest;
}

SslContext newServerContext(const TlsTerms& terms) {
  SslContext context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr) return context;
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                         SSL_OP_PRIORITIZE_CHACHA);
  // The functions themselves and not OpenSSL's macros for them, which cast in the old style.
  SSL_CTX_ctrl(context.get(), SSL_CTRL_MODE, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN, nullptr);
  SSL_CTX_ctrl(context.get(), SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF, nullptr);
  SSL_CTX_set_alpn_select_cb(context.get(), chooseProtocol, nullptr);
  const char* const ciphers = terms.cipher_suites.empty() ? kCiphers : terms.cipher_suites.c_str();
  bool set = SSL_CTX_ctrl(context.get(), SSL_CTRL_SET_MIN_PROTO_VERSION, numberOf(terms.least), nullptr) == 1 &&
             SSL_CTX_ctrl(context.get(), SSL_CTRL_SET_MAX_PROTO_VERSION, numberOf(terms.most), nullptr) == 1 &&
             SSL_CTX_set_cipher_list(context.get(), ciphers) == 1;
  if (!terms.groups.empty()) {
    std::string groups = terms.groups;  // it wants to be able to write
    set = set && SSL_CTX_ctrl(context.get(), SSL_CTRL_SET_GROUPS_LIST, 0, groups.data()) == 1;
  }
  return set ? std::move(context) : SslContext();
}

Result<std::shared_ptr<const LoadedIdentity>> LoadedIdentity::load(const TlsIdentity& identity,
                                                                   const IdentityFiles& files, const TlsTerms& terms) {
  ERR_clear_error();
  const auto certificates = parseCertificates(identity, files.certificate());
  if (!certificates) return fail(certificates.error());
  const auto key = parseKey(identity, files.key());
  if (!key) return fail(key.error());
  const SslCertificate own(sk_X509_shift(certificates->get()));
  if (X509_check_private_key(own.get(), key->get()) != 1) {
    ERR_clear_error();
    return fail(ErrorCode::kInvalid, keyFile(identity) + " does not belong to the first certificate of " +
                                         certificateFile(identity) +
                                         "; replace both, with the server's own certificate first");
  }
  if (auto valid = checkValidToday(identity, own.get()); !valid) return fail(std::move(valid.error()));
  auto loaded = std::make_shared<LoadedIdentity>();
  loaded->context = newServerContext(terms);
  if (loaded->context == nullptr ||
      SSL_CTX_use_cert_and_key(loaded->context.get(), own.get(), key->get(), certificates->get(), 1) != 1) {
    return fail(ErrorCode::kInvalid,
                "cannot use " + certificateFile(identity) + " with " + keyFile(identity) + ": " + takeSslError());
  }
  loaded->hosts = hostsOf(own.get());
  loaded->expiry = expiryOf(own.get());
  loaded->digest = files.digest();
  return loaded;
}

}  // namespace wasabi::http
