// HTTP/1.x over one connection: one request after the other, answered in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "http/connection.h"
#include "http/h1_head_parser.h"
#include "http/h1_request_body.h"
#include "http/h1_stream.h"
#include "http/session.h"

namespace wasabi::http {

class H1Session final : public Session {
 public:
  explicit H1Session(Connection& connection);

  void serve() override;
  void settle() override;
  bool wantsInput() const override;
  bool busy() const override { return state_ != State::kIdle || !unsent_.empty(); }
  std::optional<TimePoint> deadline() const override;
  void onDeadline(TimePoint now) override;
  void drain() override;
  void onPeerClosed() override;
  void end(CloseReason reason) override;

 private:
  enum class State : std::uint8_t {
    kIdle,     // nothing of a request has come
    kHead,     // a part of a head has
    kRequest,  // a request is open
    kDiscard,  // it is answered, but its body goes on
  };

  // Steps of serve(): each true if there may be more to do at once.
  bool receiveHead();
  bool openRequest();
  bool advanceRequest();
  bool deliverBody();
  bool advanceTunnel();
  void cutTunnel(CloseReason reason);
  bool retire();
  bool discardBody();

  void refuseHead(std::uint16_t status, std::string_view reason);
  void answerAlone(std::uint16_t status, std::string_view reason);
  void failRequest(std::uint16_t status, std::string_view reason, CloseReason close_reason);
  bool mayTakeRequest() const;
  std::unique_ptr<H1Stream> takeStream();
  void recycle(std::unique_ptr<H1Stream> stream);

  Connection& connection_;
  const ServerLimits& limits_;
  H1HeadParser parser_;
  H1RequestBody body_;
  State state_ = State::kIdle;
  TimePoint since_;  // when the state began; in kDiscard: or input came; in a tunnel: or bytes went either way
  std::unique_ptr<H1Stream> current_;
  // Answered, but the kernel has not taken all of it; in order.
  std::vector<std::unique_ptr<H1Stream>> unsent_;
  std::vector<std::unique_ptr<H1Stream>> spares_;
  std::size_t requests_ = 0;
  std::uint64_t discarded_ = 0;
  std::uint64_t tunnel_sent_ = 0;  // of the connection's output, when the kernel last took some
  bool peer_ended_ = false;        // of a tunnel: no more input will come
  bool waiting_for_room_ = false;  // a request may have come, but must wait until more of the answers is taken
};

}  // namespace wasabi::http
