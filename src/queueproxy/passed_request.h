// One request on its way to the app: it waits for a place where the revision limits its concurrency, is carried there,
// and its answer back, within the times of the revision.
//
//   kNew --> kWaiting --> kSent --> kOver --> closed, when the client's stream is closed too
//     |                     ^
//     +---------------------+
//
// Lives on the loop of its queue-proxy. Whatever happens, over() is called on its owner, once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"
#include "http/client.h"
#include "http/event_loop.h"
#include "http/relay.h"
#include "http/server.h"
#include "queueproxy/config.h"
#include "queueproxy/places.h"
#include "queueproxy/request_class.h"
#include "queueproxy/request_statistics.h"
#include "queueproxy/request_timeouts.h"
#include "queueproxy/telemetry.h"

namespace wasabi::queueproxy {

class PassedRequest;

class PassedRequestOwner {
 public:
  virtual ~PassedRequestOwner() = default;
  virtual void isTunnel(PassedRequest& request) = 0;
  // The last call; destroy it soon, and not inside of this.
  virtual void over(PassedRequest& request) = 0;
};

// What requests share. All of it outlives them.
struct PassServices {
  http::EventLoop& loop;
  http::Client& app;
  const QueueProxyConfig& config;
  RequestStatistics& statistics;
  Places* places;  // null: no limit
  Telemetry& telemetry;
};

class PassedRequest final : private http::RelayOwner, private PlaceWaiter {
 public:
  // Attaches itself to `stream`.
  PassedRequest(http::ServerStream& stream, RequestKind kind, const PassServices& lent, PassedRequestOwner& owner);
  ~PassedRequest() override;
  PassedRequest(const PassedRequest&) = delete;
  PassedRequest& operator=(const PassedRequest&) = delete;

  void begin();

  bool isTunnel() const { return relay_.isTunnel(); }

 private:
  enum class State : std::uint8_t { kNew, kWaiting, kSent, kOver };

  void answerBegins(const http::ResponseHead& received, http::Fields& fields) override;
  void answerPart(std::size_t bytes) override;
  void peerFailed(http::ClientFailure failure, http::RequestProgress progress, const std::string& message) override;
  void closed(http::CloseReason reason) override;
  void called() override;

  void askForPlace();
  void send();
  http::ClientRequest requestForApp() const;
  void lookAtTimes();
  void timedOut();
  void refuseFull();
  void answer(std::uint16_t status, std::string_view body, http::Fields fields = {});
  void giveBackPlace();
  RequestStatistics::From from() const;

  http::ServerStream& stream_;
  const RequestKind kind_;
  const PassServices& lent_;
  PassedRequestOwner& owner_;
  http::Relay relay_;
  RequestTimeouts times_;
  http::Timer timer_;
  State state_ = State::kNew;
  std::optional<Breaker::Ticket> ticket_;  // while it waits
  bool has_place_ = false;
  const TimePoint arrived_;
  std::optional<TimePoint> sent_;
  std::uint16_t status_ = 0;
  std::uint64_t own_bytes_ = 0;  // of an answer in place of the app's
  std::optional<RequestTrace> trace_;
};

}  // namespace wasabi::queueproxy
