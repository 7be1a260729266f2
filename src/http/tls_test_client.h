// A RawClient that speaks TLS and believes any certificate. For tests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/server_test_support.h"
#include "http/tls_handles.h"

namespace wasabi::http {

class TlsTestClient final : public RawClient {
 public:
  struct Options {
    std::vector<std::string> protocols{};  // ALPN; empty: none offered
    std::string host{};                    // SNI; empty: none named
    int max_version = 0;
    int receive_buffer = 0;
    SSL_SESSION* resume = nullptr;
  };

  TlsTestClient(TestServer& server, const Options& options);
  explicit TlsTestClient(TestServer& server) : TlsTestClient(server, Options{}) {}

  // Runs the server until the handshake is over; whether it succeeded.
  bool shakeHands();
  // One step of it, without running the server. True once it is over, well or not.
  bool stepHandshake();

  // After the handshake:
  std::string protocol() const;
  std::string shownCertificate() const;  // its subject's name
  int version() const { return SSL_version(session_.get()); }
  bool resumed() const { return SSL_session_reused(session_.get()) == 1; }
  bool saidGoodbye() const { return (SSL_get_shutdown(session_.get()) & SSL_RECEIVED_SHUTDOWN) != 0; }
  // The socket has ended too, below TLS.
  bool socketEnded() const;
  SSL* session() const { return session_.get(); }

  // Says goodbye, which is TLS's end of the stream.
  void closeOutput() override;
  // The socket's end alone, as somebody between might forge it.
  void truncateOutput() { RawClient::closeOutput(); }
  // Bytes that are no TLS records.
  void sendBelow(std::string_view bytes) { RawClient::write(bytes); }

 private:
  ssize_t write(std::string_view text) override;
  ssize_t read(std::span<char> memory) override;
  ssize_t outcome(int result) const;

  SslContext context_;
  SslHandle session_;
  bool established_ = false;
};

}  // namespace wasabi::http
