// One request of an HTTP/1.x connection with its response: frames what the handler sends, and remembers what the
// handler wants until the session acts on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "http/connection.h"
#include "http/message.h"
#include "http/server.h"

namespace wasabi::http {

class H1Stream final : public ServerStream {
 public:
  // How the request came, as far as the response depends on it.
  struct Opening {
    bool keep_alive = true;
    bool has_body = false;
    bool expects_continue = false;
  };

  explicit H1Stream(Connection& connection) : connection_(connection) {}

  // For the session. The head is filled by the parser, and then the stream opened.
  RequestHead& head() { return head_; }
  void open(const Opening& opening);
  // Tells the observer, if there is one still.
  void close(CloseReason reason);
  // Makes it as new, for another request.
  void recycle();

  StreamObserver* observer() { return observer_; }
  bool readingOn() const { return reading_on_; }
  TimePoint readingSince() const { return reading_since_; }
  void markReading(TimePoint now) { reading_since_ = now; }
  void markRequestComplete() { request_complete_ = true; }
  bool headSent() const { return response_ != Response::kNone; }
  bool finished() const { return response_ == Response::kFinished; }
  bool aborted() const { return aborted_; }
  bool keepAlive() const { return opening_.keep_alive; }
  // The client waits for `100 Continue`, so what comes next may be the body or another request.
  bool awaitsContinue() const { return opening_.expects_continue; }
  bool endsByClose() const { return framing_ == Framing::kUntilClose || isTunnel(); }
  bool isTunnel() const { return framing_ == Framing::kTunnel; }
  // Of a finished stream: where it ends in what the connection has written.
  std::uint64_t endOffset() const { return end_offset_; }
  // Calls onWritable() if somebody waits for it and there is room.
  void tellIfWritable();

  // ServerStream
  const RequestHead& request() const override { return head_; }
  bool requestComplete() const override { return request_complete_; }
  std::string peerAddress() const override { return connection_.peerAddress(); }
  void attach(StreamObserver& observer) override { observer_ = &observer; }
  void resumeReading() override;
  void pauseReading() override { reading_on_ = false; }
  void sendHead(const ResponseHead& head, std::optional<std::uint64_t> content_length) override;
  void acceptUpgrade(std::string_view protocol, const Fields& headers) override;
  WriteRoom send(std::span<const std::byte> chunk) override;
  void finish(const Fields& trailers) override;
  void abort() override;
  std::size_t unsentBytes() const override;

 private:
  enum class Response : std::uint8_t { kNone, kBody, kFinished };
  enum class Framing : std::uint8_t { kNoBody, kLength, kChunked, kUntilClose, kTunnel };

  Framing chooseFraming(std::uint16_t status, std::optional<std::uint64_t> content_length) const;
  void sendChunk(std::string_view text);

  Connection& connection_;
  RequestHead head_;
  Opening opening_;
  StreamObserver* observer_ = nullptr;
  TimePoint reading_since_{};
  std::uint64_t start_offset_ = 0;
  std::uint64_t end_offset_ = 0;
  std::uint64_t body_left_ = 0;  // with Framing::kLength
  Response response_ = Response::kNone;
  Framing framing_ = Framing::kNoBody;
  bool request_complete_ = false;
  bool reading_on_ = false;
  bool wants_room_ = false;
  bool aborted_ = false;
};

}  // namespace wasabi::http
