#include "http/tls_test_client.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <cerrno>
#include <csignal>

#include "base/check.h"

namespace wasabi::http {

TlsTestClient::TlsTestClient(TestServer& server, const Options& options)
    : RawClient(server, server.tls_address, options.receive_buffer), context_(SSL_CTX_new(TLS_client_method())) {
  // OpenSSL writes to the socket by itself.
  std::signal(SIGPIPE, SIG_IGN);
  session_.reset(SSL_new(context_.get()));
  SSL_ctrl(session_.get(), SSL_CTRL_SET_MAX_PROTO_VERSION, options.max_version, nullptr);
  SSL_ctrl(session_.get(), SSL_CTRL_MODE, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER, nullptr);
  std::string protocols;
  for (const std::string& name : options.protocols) protocols += static_cast<char>(name.size()) + name;
  SSL_set_alpn_protos(session_.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                      static_cast<unsigned>(protocols.size()));
  if (!options.host.empty()) {
    SSL_ctrl(session_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(options.host.c_str()));
  }
  if (options.resume != nullptr) SSL_set_session(session_.get(), options.resume);
  ::fcntl(fd(), F_SETFL, O_NONBLOCK);
  SSL_set_fd(session_.get(), fd());
  SSL_set_connect_state(session_.get());
}

bool TlsTestClient::stepHandshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(session_.get());
  established_ = result == 1;
  return established_ || SSL_get_error(session_.get(), result) != SSL_ERROR_WANT_READ;
}

bool TlsTestClient::shakeHands() {
  return server().runUntil([&] { return stepHandshake(); }) && established_;
}

std::string TlsTestClient::protocol() const {
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(session_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string TlsTestClient::shownCertificate() const {
  const SslCertificate shown(SSL_get1_peer_certificate(session_.get()));
  char name[128] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(shown.get()), NID_commonName, name, sizeof name);
  return name;
}

bool TlsTestClient::socketEnded() const {
  char probe = 0;
  return ::recv(fd(), &probe, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

void TlsTestClient::closeOutput() {
  ERR_clear_error();
  SSL_shutdown(session_.get());
}

ssize_t TlsTestClient::write(std::string_view text) {
  ERR_clear_error();
  return outcome(SSL_write(session_.get(), text.data(), static_cast<int>(text.size())));
}

ssize_t TlsTestClient::read(std::span<char> memory) {
  ERR_clear_error();
  return outcome(SSL_read(session_.get(), memory.data(), static_cast<int>(memory.size())));
}

ssize_t TlsTestClient::outcome(int result) const {
  if (result > 0) return result;
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      errno = EAGAIN;
      return -1;
    default:
      errno = ECONNRESET;
      return -1;
  }
}

}  // namespace wasabi::http
