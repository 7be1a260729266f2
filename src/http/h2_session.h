// HTTP/2 over one connection: nghttp2 knows the protocol, this knows the streams.
//
// nghttp2's callbacks only take notes; handlers and observers are called from serve() and settle(), so that nothing
// they do comes back into nghttp2 while it works.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/connection.h"
#include "http/h2_stream.h"
#include "http/nghttp2_handles.h"
#include "http/session.h"

namespace wasabi::http {

class H2Session final : public Session {
 public:
  explicit H2Session(Connection& connection);
  ~H2Session() override;

  void serve() override;
  void settle() override;
  bool wantsInput() const override;
  bool busy() const override { return !streams_.empty() || !unsent_.empty(); }
  std::optional<TimePoint> deadline() const override;
  void onDeadline(TimePoint now) override;
  void drain() override;
  void onPeerClosed() override;
  void end(CloseReason reason) override;

  // For the streams:
  ServerContext& context() { return connection_.context(); }
  const std::string& peerAddress() { return connection_.peerAddress(); }
  void submitHead(H2Stream& stream, const ResponseHead& head, std::optional<std::uint64_t> content_length);
  void openTunnel(H2Stream& stream, const Fields& headers);
  void submitContinue(H2Stream& stream);
  void addOutput(H2Stream& stream, std::string_view text);
  bool hasRoomFor(const H2Stream& stream) const;
  void resumeOutput(H2Stream& stream);
  void startReading(H2Stream& stream);
  // The session looks at the stream in its next turn.
  void note(H2Stream& stream);

  // For nghttp2's callbacks:
  H2Stream* beginRequest(std::int32_t id);
  void addRequestField(H2Stream& stream, std::string_view name, std::string_view value);
  void addTrailer(H2Stream& stream, std::string_view name, std::string_view value);
  // The fields are so many that even looking at them, to refuse them politely, is too much.
  bool isFlooded(const H2Stream& stream) const;
  void headComplete(H2Stream& stream);
  void remoteEnded(H2Stream& stream);
  void localEnded(H2Stream& stream);
  void addBody(H2Stream* stream, std::int32_t id, std::string_view data);
  void streamClosed(H2Stream& stream, std::uint32_t error_code);
  ssize_t readOutput(H2Stream& stream, std::span<std::uint8_t> frame, std::uint32_t& flags);
  void countReset();

 private:
  // 0, or the status to refuse the request with.
  std::uint16_t takePseudoField(RequestHead& head, std::string_view name, std::string_view value) const;
  void submitTrailers(H2Stream& stream);
  void receive();
  void produce();
  void openArrived();
  void open(H2Stream& stream);
  void refuse(H2Stream& stream, std::uint16_t status);
  void lookAtNoted();
  void lookAt(H2Stream& stream);
  void lookAtClosed(H2Stream& stream);
  void deliverBody(H2Stream& stream);
  void dropInput(H2Stream& stream);
  void reset(H2Stream& stream, std::uint32_t error_code);
  std::optional<TimePoint> streamDeadline(const H2Stream& stream) const;
  void timeOut(H2Stream& stream);
  std::unique_ptr<H2Stream> take(H2Stream& stream);
  void checkBy(TimePoint time) { next_check_ = std::min(next_check_, time); }
  void leave();
  void endIfOver();

  Connection& connection_;
  const ServerLimits& limits_;
  Nghttp2Session nghttp2_;
  std::vector<std::unique_ptr<H2Stream>> streams_;
  std::vector<H2Stream*> arrived_;  // their heads are complete, the handler has not been called
  std::vector<H2Stream*> noted_;
  std::vector<H2Stream*> looking_at_;
  // Over, but the kernel has not taken all of the response; in order.
  std::vector<std::unique_ptr<H2Stream>> unsent_;
  std::vector<nghttp2_nv> fields_;

  // No stream can run out of time before this.
  TimePoint next_check_ = TimePoint::max();
  TimePoint idle_since_;
  TimePoint resets_since_;
  std::size_t held_output_ = 0;  // of all streams
  std::size_t resets_ = 0;
  std::size_t requests_ = 0;
  bool leaving_ = false;  // GOAWAY was sent
};

}  // namespace wasabi::http
