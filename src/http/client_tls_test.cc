// TLS of the client, against a peer on OpenSSL with certificates made here.
#include "http/client_tls.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "base/check.h"
#include "http/client_test_peer.h"

namespace wasabi::http {
namespace {

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;

struct Identity {
  Key key;
  Certificate certificate;
};

void addExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  WASABI_CHECK(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

// A certificate for `alt_name` ("DNS:x", "IP:1.2.3.4"; empty: a CA), signed by `issuer` or by itself.
Identity makeIdentity(const std::string& alt_name, const Identity* issuer, long valid_seconds = 3600) {
  Identity identity{Key(EVP_EC_gen("P-256")), Certificate(X509_new())};
  X509* certificate = identity.certificate.get();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), issuer == nullptr ? 1 : 2);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
  X509_gmtime_adj(X509_getm_notAfter(certificate), valid_seconds);
  X509_set_pubkey(certificate, identity.key.get());
  const std::string name = alt_name.empty() ? "Test CA" : "Test leaf";
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  const Identity& signer = issuer == nullptr ? identity : *issuer;
  X509_set_issuer_name(certificate, X509_get_subject_name(signer.certificate.get()));
  addExtension(certificate, signer.certificate.get(), NID_basic_constraints,
               alt_name.empty() ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (!alt_name.empty()) addExtension(certificate, signer.certificate.get(), NID_subject_alt_name, alt_name);
  WASABI_CHECK(X509_sign(certificate, signer.key.get(), EVP_sha256()) > 0);
  return identity;
}

class CaFile {
 public:
  explicit CaFile(const Identity& ca) {
    char path[] = "/tmp/wasabi-ca-XXXXXX";
    const int fd = mkstemp(path);
    WASABI_CHECK(fd >= 0);
    path_ = path;
    FILE* file = fdopen(fd, "w");
    WASABI_CHECK(PEM_write_X509(file, ca.certificate.get()) == 1);
    fclose(file);
  }
  ~CaFile() { unlink(path_.c_str()); }
  CaFile(const CaFile&) = delete;
  CaFile& operator=(const CaFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

enum class Goodbye { kProper, kTruncated };

// Serves one response on each connection; with kTruncated it closes without TLS's closing message.
Peer::Serve securely(const Identity& identity, std::string response, Goodbye goodbye, int max_version = 0) {
  const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX_use_certificate(context.get(), identity.certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), identity.key.get());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_max_proto_version(context.get(), max_version);
  return [context, response = std::move(response), goodbye](PeerConnection& connection, int) {
    const TlsSession session(SSL_new(context.get()));
    SSL_set_fd(session.get(), connection.fd());
    char request[4096];
    if (SSL_accept(session.get()) == 1) {
      while (SSL_read(session.get(), request, sizeof request) > 0) {
        SSL_write(session.get(), response.data(), static_cast<int>(response.size()));
        if (response.find("Content-Length") == std::string::npos) break;
      }
      if (goodbye == Goodbye::kProper) SSL_shutdown(session.get());
    }
    ERR_clear_error();
  };
}

constexpr const char* kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

class ClientTlsTest : public testing::Test {
 protected:
  static ClientRequest secureGet(const ClientFixture& fixture, const std::string& host, const Peer& peer) {
    ClientRequest request = fixture.get(host + ":" + std::to_string(peer.port()));
    request.tls = true;
    return request;
  }

  const Identity ca_ = makeIdentity("", nullptr);
  const CaFile ca_file_{ca_};
  const ClientTls tls_{.trust_system = false, .ca_file = ca_file_.path()};
};

TEST_F(ClientTlsTest, FetchesOverAVerifiedConnectionAndKeepsIt) {
  const Identity leaf = makeIdentity("DNS:local.test", &ca_);
  Peer peer(securely(leaf, kHello, Goodbye::kProper));
  ClientFixture fixture({}, tls_);
  for (int i = 0; i < 2; ++i) {
    const Recorder& got = fixture.fetch(secureGet(fixture, "local.test", peer));
    EXPECT_TRUE(got.ended) << got.message;
    EXPECT_EQ(got.body, "hello");
    EXPECT_EQ(fixture.client->counters().connections_idle, 1U);
  }
}

TEST_F(ClientTlsTest, AddressesAreVerifiedToo) {
  const Identity leaf = makeIdentity("IP:127.0.0.1", &ca_);
  Peer peer(securely(leaf, kHello, Goodbye::kProper));
  ClientFixture fixture({}, tls_);
  const Recorder& got = fixture.fetch(secureGet(fixture, "127.0.0.1", peer));
  EXPECT_TRUE(got.ended) << got.message;
}

TEST_F(ClientTlsTest, CertificatesThatProveNothingAreRefused) {
  const Identity other_ca = makeIdentity("", nullptr);
  struct Case {
    const char* what;
    Identity identity;
  };
  Case cases[] = {{"another host", makeIdentity("DNS:other.test", &ca_)},
                  {"an address for a name", makeIdentity("IP:127.0.0.1", &ca_)},
                  {"self-signed", makeIdentity("DNS:local.test", nullptr)},
                  {"an unknown CA", makeIdentity("DNS:local.test", &other_ca)},
                  {"expired", makeIdentity("DNS:local.test", &ca_, -3600)}};
  ClientFixture fixture({}, tls_);
  for (const Case& each : cases) {
    Peer peer(securely(each.identity, kHello, Goodbye::kProper));
    const Recorder& got = fixture.fetch(secureGet(fixture, "local.test", peer));
    EXPECT_EQ(got.failure, ClientFailure::kCertificate) << each.what;
    EXPECT_NE(got.message.find("certificate"), std::string::npos) << got.message;
  }
}

TEST_F(ClientTlsTest, OldVersionsAndPeersWithoutTlsAreRefused) {
  const Identity leaf = makeIdentity("DNS:local.test", &ca_);
  ClientFixture fixture({}, tls_);
  Peer old(securely(leaf, kHello, Goodbye::kProper, TLS1_1_VERSION));
  EXPECT_EQ(fixture.fetch(secureGet(fixture, "local.test", old)).failure, ClientFailure::kTls);
  Peer plain([](PeerConnection& connection, int) {
    connection.write(kHello);
    connection.readAll();
  });
  EXPECT_EQ(fixture.fetch(secureGet(fixture, "local.test", plain)).failure, ClientFailure::kTls);
}

TEST_F(ClientTlsTest, AHandshakeThatNeverEndsTimesOut) {
  SilentPeer silent;
  ClientFixture fixture({}, tls_);
  ClientRequest request = fixture.get(silent.authority());
  request.tls = true;
  request.connect_timeout = std::chrono::milliseconds(30);
  EXPECT_EQ(fixture.fetch(request).failure, ClientFailure::kTimeout);
}

// Else whoever sits between could shorten a body that only the end of the connection ends.
TEST_F(ClientTlsTest, ACutConnectionIsNoEndOfABody) {
  const Identity leaf = makeIdentity("DNS:local.test", &ca_);
  ClientFixture fixture({}, tls_);
  const char* const until_close = "HTTP/1.1 200 OK\r\n\r\nhalf";
  Peer proper(securely(leaf, until_close, Goodbye::kProper));
  EXPECT_TRUE(fixture.fetch(secureGet(fixture, "local.test", proper)).ended);
  Peer truncating(securely(leaf, until_close, Goodbye::kTruncated));
  const Recorder& got = fixture.fetch(secureGet(fixture, "local.test", truncating));
  EXPECT_EQ(got.failure, ClientFailure::kDisconnected);
}

TEST_F(ClientTlsTest, LargeBodies) {
  const Identity leaf = makeIdentity("DNS:local.test", &ca_);
  const std::string body(3 << 20, 'b');
  Peer peer(securely(leaf, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body,
                     Goodbye::kProper));
  ClientFixture fixture({}, tls_);
  const Recorder& got = fixture.fetch(secureGet(fixture, "local.test", peer));
  EXPECT_TRUE(got.ended) << got.message;
  EXPECT_EQ(got.body, body);
}

TEST_F(ClientTlsTest, CancelledDuringHandshakeAndBody) {
  const Identity leaf = makeIdentity("DNS:local.test", &ca_);
  Peer peer(securely(leaf, "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + std::string(3'000'000, 'b'),
                     Goodbye::kProper));
  ClientFixture fixture({}, tls_);
  for (int turns = 0; turns < 12; ++turns) {
    Recorder recorder;
    auto exchange = fixture.client->start(secureGet(fixture, "local.test", peer), recorder);
    for (int i = 0; i < turns && !recorder.done(); ++i) fixture.loop.waitAndRun();
    const bool done = recorder.done();
    exchange.reset();
    fixture.runFor(std::chrono::milliseconds(2));
    EXPECT_EQ(recorder.done(), done);
  }
}

TEST(TlsTrustTest, SaysWhatIsWrongWithACaFile) {
  for (const char* path : {"/nonexistent/ca.pem", "/dev/null"}) {
    const auto trust = TlsTrust::load({.trust_system = false, .ca_file = path});
    ASSERT_FALSE(trust) << path;
    EXPECT_NE(trust.error().message().find(path), std::string::npos);
  }
}

TEST(TlsTrustTest, WithoutCertificatesEveryConnectionFailsAndSaysWhatToDo) {
  const auto trust = TlsTrust::load({.trust_system = false, .ca_file = {}});
  ASSERT_TRUE(trust);
  const auto session = newTlsSession(**trust, "example.com");
  ASSERT_FALSE(session);
  EXPECT_NE(session.error().message().find("ca-certificates"), std::string::npos);
}

}  // namespace
}  // namespace wasabi::http
