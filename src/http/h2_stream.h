// One request of an HTTP/2 connection with its response: keeps what came and what is to go out, and remembers what the
// handler wants until the session acts on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "http/byte_buffer.h"
#include "http/message.h"
#include "http/server.h"

namespace wasabi::http {

class H2Session;

class H2Stream final : public ServerStream {
 public:
  H2Stream(H2Session& session, std::int32_t id);

  // Tells the observer, if there is one still.
  void close(CloseReason reason);
  // The response as far as it may go into DATA frames.
  bool bodyOver() const { return finished && output.empty(); }
  // Somebody is there still for what the peer sends.
  bool takesInput() const { return hasObserver() && (!finished || tunnel); }
  // A tunnel that has ended on both sides, but the handler has not read to the end.
  bool owesInput() const;
  bool hasObserver() const { return observer_ != nullptr; }
  StreamObserver& observer() { return *observer_; }

  // ServerStream
  const RequestHead& request() const override { return head; }
  bool requestComplete() const override { return request_complete; }
  std::string peerAddress() const override;
  void attach(StreamObserver& observer) override { observer_ = &observer; }
  void resumeReading() override;
  void pauseReading() override { reading_on = false; }
  void sendHead(const ResponseHead& response, std::optional<std::uint64_t> content_length) override;
  void acceptUpgrade(std::string_view protocol, const Fields& headers) override;
  WriteRoom send(std::span<const std::byte> chunk) override;
  void finish(const Fields& its_trailers) override;
  void abort() override;
  std::size_t unsentBytes() const override { return output.size(); }

  // The rest is the session's book-keeping; handlers see a ServerStream only.
  const std::int32_t id;
  std::size_t place = 0;  // among the session's streams

  RequestHead head;
  std::string cookies;
  std::size_t field_count = 0;
  std::size_t head_weight = 0;
  std::uint16_t refusal = 0;  // status to answer with instead of calling the handler
  Fields request_trailers;
  ByteBuffer input;   // bounded by the window that was granted
  ByteBuffer output;  // bounded by the handler's respect for the watermarks
  Fields response_trailers;
  std::optional<std::uint64_t> response_left;  // of a promised length
  TimePoint reading_since{};                   // before the head is complete: since its first byte
  TimePoint output_since{};
  std::uint64_t end_offset = 0;
  std::uint32_t error_code = 0;

  bool expects_continue = false;
  bool head_complete = false;
  bool remote_ended = false;  // the peer's END_STREAM came
  bool request_complete = false;
  bool reading_on = false;
  bool head_sent = false;
  bool swallows_body = false;
  bool tunnel = false;
  bool finished = false;
  bool aborted = false;
  bool reset_sent = false;
  bool data_deferred = false;    // nghttp2 waits to be told of more output
  bool local_ended = false;      // our END_STREAM went out
  bool protocol_closed = false;  // nghttp2 knows it no more
  bool wants_room = false;
  bool waiting_to_open = false;
  bool noted = false;  // the session has it on its list of streams to look at

 private:
  H2Session& session_;
  StreamObserver* observer_ = nullptr;
};

}  // namespace wasabi::http
