// The handshake of one new connection, before anything is known of HTTP.
//
//   socket --> TlsHandshake --> TlsChannel and the protocol that was chosen
//                           --> the bare socket, where the peer speaks HTTP without TLS
//                           --> nothing, where it failed or took too long
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/unique_function.h"
#include "http/certificate_table.h"
#include "http/channel.h"
#include "http/connection.h"
#include "http/event_loop.h"
#include "http/server_context.h"
#include "http/socket.h"
#include "http/tls_records.h"

namespace wasabi::http {

class TlsHandshake final : private ChannelUser {
 public:
  // Called once, from the loop; may destroy the handshake. Without a channel it failed.
  using Done = UniqueFunction<void(TlsHandshake&, Connection::Opening)>;

  // `context` outlives the handshake.
  TlsHandshake(ServerContext& context, std::unique_ptr<Socket> socket, std::shared_ptr<const CertificateTable> table,
               Done done);
  // Cuts the connection if it is not done.
  ~TlsHandshake() override = default;
  TlsHandshake(const TlsHandshake&) = delete;
  TlsHandshake& operator=(const TlsHandshake&) = delete;

  void start();

 private:
  void onRead(std::size_t bytes, int error) override;
  void onWritable() override;

  void advance();
  void flush();
  void establish();
  void handOverPlain();
  void end(Connection::Opening opening);

  ServerContext& context_;
  const std::shared_ptr<const CertificateTable> table_;
  std::unique_ptr<TlsRecords> records_;
  std::unique_ptr<Socket> socket_;
  Done done_;
  Timer timer_;
  bool greeted_ = false;  // the peer's first byte has come
};

}  // namespace wasabi::http
