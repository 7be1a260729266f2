// The response of one invocation: what may still be said, and what was.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/units.h"
#include "box/outcome.h"
#include "http/server.h"

namespace wasabi::box {

// Why a request gets no answer of its function's.
struct Refusal {
  Reason reason;
  std::optional<std::chrono::seconds> retry_after = {};  // otherwise by the reason
  std::string detail = {};                               // for people, if the reason does not say it all
  Reason in_the_way = Reason::kNone;                     // of one that would have had to wait: for what
};

class ResponseWriter {
 public:
  // `stream` must not be used once it is closed: close() says so.
  ResponseWriter(http::ServerStream& stream, ByteSize max_body) : stream_(&stream), max_body_(max_body) {}

  bool headSent() const { return status_ != 0; }
  bool complete() const { return complete_; }
  std::uint16_t status() const { return status_; }
  std::uint64_t bodyBytes() const { return body_bytes_; }
  std::uint64_t bodyLimit() const { return max_body_.value; }

  // When the function began, and what came before: for Server-Timing.
  void began(TimePoint now, Duration wait, Reason waited_for) {
    began_ = now;
    wait_ = wait;
    waited_for_ = waited_for;
  }
  // To the gateway, with the head: what the invocation is booked.
  void tellBooking(ByteSize booked) { booked_ = booked; }
  void head(http::ResponseHead head, std::optional<std::uint64_t> content_length);
  // False when the body would be longer than its limit or than the length in its head: nothing of `chunk` was sent.
  bool body(std::span<const std::byte> chunk);
  // Whether the client takes bytes fast enough; when not, onWritable() of the stream's observer tells when it does.
  bool hasRoom() const { return room_ == http::WriteRoom::kFree; }
  void roomAgain() { room_ = http::WriteRoom::kFree; }
  // False when the body is shorter than the length in its head: the response is not complete.
  bool finish(const http::Fields& trailers = {});

  // Answers with the status of `reason`, or cuts the response short if a part of it is out.
  void fail(Reason reason, std::string_view request_id);

  // The stream is gone; everything after this is silently dropped.
  void close() { stream_ = nullptr; }

 private:
  // An HTTP/1 client knows by the announced length that it has everything, and may leave before the guest is done.
  void finishIfWhole();

  http::ServerStream* stream_;
  ByteSize max_body_;
  TimePoint began_{};
  Duration wait_{};
  Reason waited_for_ = Reason::kNone;
  std::optional<ByteSize> booked_;
  std::uint64_t body_bytes_ = 0;
  std::optional<std::uint64_t> declared_length_;
  bool has_body_ = true;  // not for HEAD: then the declared length speaks of a body that is not sent
  std::uint16_t status_ = 0;
  http::WriteRoom room_ = http::WriteRoom::kFree;
  bool complete_ = false;
};

// The whole response at once.
void sendAnswer(http::ServerStream& stream, const http::ResponseHead& head, std::string_view body);
void sendText(http::ServerStream& stream, std::uint16_t status, std::string_view text);

// The whole response for a request that is refused or failed: `reason` in Proxy-Status and in the body.
void sendRefusal(http::ServerStream& stream, const Refusal& refusal, std::string_view request_id);

}  // namespace wasabi::box
