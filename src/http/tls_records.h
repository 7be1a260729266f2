// One TLS session of a server between two buffers: what came from the peer goes in at one side, plain bytes come out at
// the other, and the same in reverse. No socket, no waiting. For the .cc files of this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "http/byte_buffer.h"
#include "http/tls_handles.h"

namespace wasabi::http {

class TlsRecords {
 public:
  // So much is encrypted into one record.
  static constexpr std::size_t kMaxRecord = SSL3_RT_MAX_PLAIN_LENGTH;

  // `session` is in its accept state. Memory of the buffers is added to `held`; what OpenSSL holds itself (up to 35 KiB
  // while a record is cut, some 15 KiB else) is not.
  TlsRecords(SslHandle session, std::uint64_t& held);
  TlsRecords(const TlsRecords&) = delete;
  TlsRecords& operator=(const TlsRecords&) = delete;

  // From the peer, to be taken by the next step.
  ByteBuffer& arrived() { return arrived_; }
  // For the peer. Every step may add to it, a failed one (the alert) as well.
  ByteBuffer& outgoing() { return outgoing_; }

  enum class Handshake : std::uint8_t { kDone, kWantInput, kFailed };
  Handshake shakeHands();
  // Which protocol the handshake chose; empty if the client named none.
  std::string_view chosenProtocol() const;

  struct Decrypted {
    enum class Status : std::uint8_t {
      kOpen,
      kEnd,     // the peer said goodbye: no more will come
      kFailed,  // what came is not what the peer sent
    };
    std::size_t bytes = 0;
    Status status = Status::kOpen;
  };
  // As much as is there and fits.
  Decrypted decrypt(std::span<char> memory);
  // A call of decrypt() may give more without further input.
  bool holdsInput() const;

  // Adds one record of at most kMaxRecord bytes. False if the session is broken.
  bool encrypt(std::string_view text);
  // Tells the peer that no more will come; further calls do nothing.
  void sayGoodbye();

 private:
  ByteBuffer arrived_;
  ByteBuffer outgoing_;
  SslHandle session_;
  bool failed_ = false;
  bool said_goodbye_ = false;
};

}  // namespace wasabi::http
