// One HTTP/2 request and its response: a stream, of which notes are taken as it goes on, and told to the observer when
// its connection has its turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/byte_buffer.h"
#include "http/client.h"
#include "http/client_core.h"
#include "http/client_patience.h"
#include "http/client_request.h"
#include "http/h2_client_session.h"

namespace wasabi::http {

class H2Exchange final : public ClientExchange {
 public:
  H2Exchange(std::shared_ptr<ClientCore> core, Result<OutgoingRequest> request, const ExchangeTimes& times,
             ClientObserver& observer);
  ~H2Exchange() override;
  H2Exchange(const H2Exchange&) = delete;
  H2Exchange& operator=(const H2Exchange&) = delete;

  void resumeReading() override;
  void pauseReading() override { reading_wanted_ = false; }
  WriteRoom send(std::span<const std::byte> chunk) override;
  void finishBody(const Fields& trailers) override;

  // For its connection:
  const OutgoingRequest& request() const { return *request_; }
  std::int32_t id() const { return id_; }
  void connectionIsOpen();
  // Tells the observer what was noted.
  void deliver();
  // The connection has forgotten the exchange by then.
  void connectionEnded(ClientFailure failure, const std::string& message);

  // For nghttp2's callbacks, which only take notes:
  void beginFields();
  // False if the fields are more than need be looked at.
  bool addField(std::string_view name, std::string_view value);
  void fieldsComplete();
  void addBody(std::string_view data);
  void responseComplete();
  void resetByPeer() { reset_by_peer_ = true; }
  void headGoesOut() { taken_ = true; }
  void streamClosed(std::uint32_t error_code);
  ssize_t readBody(std::span<std::uint8_t> frame, std::uint32_t& flags);

 private:
  enum class Upload : std::uint8_t { kOpen, kFinished, kUnwanted };
  using Step = void (H2Exchange::*)();

  void later(Step step);
  void note();
  void begin();
  void open(bool look_again);
  bool retry(bool untouched);
  void refuseBody(const char* fault);
  void failForBody();

  // Each is false once the exchange is over, or destroyed.
  bool deliverInterims(const std::weak_ptr<H2Exchange>& alive);
  bool deliverBody(const std::weak_ptr<H2Exchange>& alive);
  void onContinueTimeout();
  void stopWaitingForContinue();
  void onStreamClosed();
  void complete();
  void failWith(ClientFailure failure, const std::string& message);
  void leave(std::uint32_t error_code);
  void end(std::uint32_t error_code);

  bool waitsForPeer() const;
  void watchPeer();
  void onSilence();
  Duration patience() const { return head_delivered_ ? times_.between_bytes : times_.first_byte; }

  const std::shared_ptr<ClientCore> core_;
  ClientObserver& observer_;
  Result<OutgoingRequest> request_;
  const ExchangeTimes times_;

  std::shared_ptr<H2ClientSession> session_;  // while the stream is of interest
  std::int32_t id_ = 0;
  bool connection_reused_ = false;

  std::uint64_t held_bytes_ = 0;
  ByteBuffer output_;  // bounded by the user's respect for the watermarks
  Fields request_trailers_;
  Upload upload_ = Upload::kOpen;
  std::uint64_t body_left_ = 0;  // of a declared length
  const char* body_fault_ = nullptr;
  bool output_deferred_ = false;  // nghttp2 waits to be told of more
  bool output_ended_ = false;     // nghttp2 has taken all of the body
  bool write_full_ = false;       // kFull was returned, onWritable() is owed
  bool taken_ = false;            // the head was written
  bool body_taken_ = false;       // a part of it was
  bool taken_before_ = false;     // by the connection that was tried first
  bool retried_ = false;

  ResponseHead incoming_;  // being received
  std::vector<ResponseHead> interims_;
  ResponseHead head_;
  Fields trailers_;
  ByteBuffer input_;  // bounded by the window that was granted
  std::size_t head_weight_ = 0;
  bool answering_ = false;
  bool head_complete_ = false;
  bool head_too_large_ = false;
  bool response_complete_ = false;
  bool reset_by_peer_ = false;
  std::optional<std::uint32_t> closed_;  // error code

  bool noted_ = false;
  bool reading_wanted_ = true;
  bool awaits_continue_ = false;
  bool head_delivered_ = false;
  bool finished_ = false;  // onEnd() or onFailure() was called

  PeerPatience patience_;
  std::optional<Timer> continue_timer_;

  // Callbacks that are under way look here whether the observer has destroyed the exchange. It owns nothing.
  const std::shared_ptr<H2Exchange> alive_;
};

}  // namespace wasabi::http
