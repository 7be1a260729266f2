// A connection of a server: the socket, its buffers, its times, and the way it ends. Which protocol it speaks shows in
// its first bytes; the rest is the session's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_function.h"
#include "http/byte_buffer.h"
#include "http/channel.h"
#include "http/event_loop.h"
#include "http/server_context.h"
#include "http/session.h"

namespace wasabi::http {

// What a connection speaks, as far as that is settled before its first byte.
enum class Protocol : std::uint8_t {
  kDetect,      // HTTP/1.x or HTTP/2, as the first bytes tell
  kHttp1,       // by the TLS handshake
  kHttp2,       // by the TLS handshake
  kTlsMissing,  // the peer speaks without TLS where TLS is wanted, and is told so
};

// How a connection ends, hardest last.
enum class Ending : std::uint8_t {
  kFlushed,  // after the output is written
  kLinger,   // and then the peer's remaining input is thrown away for a while: closing over unread input would reset
             // the connection, and the peer might never read what we wrote
  kAtOnce,   // what the kernel does not take at once is lost
};

class Connection final : public std::enable_shared_from_this<Connection>, private ChannelUser {
 public:
  // Forgets the connection in the server's table; called once.
  using OnClosed = UniqueFunction<void(Connection&)>;

  struct Opening {
    std::unique_ptr<Channel> channel;
    Protocol protocol = Protocol::kDetect;
    bool secure = false;  // requests have the scheme "https"
    std::string early;    // what was read from the channel already
  };

  Connection(std::shared_ptr<ServerContext> context, Opening opening, OnClosed on_closed);
  ~Connection() override = default;

  // The first turn. Apart from the constructor because the operations of the channel share the connection.
  void start() { takeTurn(); }
  void drain();
  // Closes now; every open stream gets onClosed(reason).
  void close(CloseReason reason);

  // For the session:
  ServerContext& context() { return *context_; }
  ByteBuffer& input() { return input_; }
  // Bytes ever written, and ever taken by the kernel.
  std::uint64_t written() const { return sent_ + output_.size(); }
  std::uint64_t sent() const { return sent_; }
  std::size_t unsent() const { return output_.size(); }
  // Memory at the end of the output for `size` bytes, and then how many of them were used.
  char* prepareOutput(std::size_t size) { return output_.prepare(size).data(); }
  void commitOutput(std::size_t size);
  // Appends to the output; what is long goes to the kernel without a copy if it will take it.
  void write(std::string_view text);
  // A turn before the loop waits again. In the session's serve() there is no need to ask: its output is flushed anyway.
  void requestTurn();
  // Also in serve(): to leave the loop to others for a moment.
  void requestNextTurn();
  // Ends our side of the stream once the output is written; the peer may go on sending.
  void endOutput() { output_over_ = true; }
  // No more requests; the connection ends after this turn.
  void endAfterTurn(Ending ending);
  // Lets the end of the connection be a reset, which no peer takes for the end of a response.
  void resetOnClose();
  bool ending() const { return ending_.has_value(); }
  bool closed() const { return channel_ == nullptr; }
  const std::string& peerAddress();
  bool secure() const { return secure_; }

 private:
  void onRead(std::size_t bytes, int error) override;
  void onReset() override;
  void onWritable() override;

  void takeTurn();
  void serveSession();
  bool detectProtocol();
  void askForTls();
  void flush();
  void took(std::size_t bytes);
  void finishTurn();
  void continueEnding();
  void linger();
  void startReading();
  std::optional<TimePoint> deadline() const;
  void watchDeadline();
  void onTimer();

  const std::shared_ptr<ServerContext> context_;
  const Protocol protocol_;
  const bool secure_;
  OnClosed on_closed_;
  ByteBuffer input_;
  ByteBuffer output_;
  std::unique_ptr<Channel> channel_;
  std::unique_ptr<Session> session_;
  Timer timer_;
  TimePoint timer_at_ = TimePoint::max();

  std::string peer_address_;
  std::uint64_t sent_ = 0;
  TimePoint waiting_since_;  // for the first bytes, and then for the rest of the HTTP/2 preface
  TimePoint stalled_since_;  // while the output is not empty: the kernel took something, or the waiting began
  std::optional<Ending> ending_;
  std::optional<TimePoint> lingering_until_;
  std::size_t lingered_bytes_ = 0;
  std::size_t read_size_;
  bool broken_ = false;
  bool peer_closed_ = false;
  bool output_over_ = false;
  bool output_shut_ = false;
  bool serving_ = false;
  bool turn_requested_ = false;
};

}  // namespace wasabi::http
