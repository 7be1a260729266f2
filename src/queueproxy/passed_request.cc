#include "queueproxy/passed_request.h"

#include <fmt/format.h>

#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "queueproxy/forwarded_header.h"
#include "queueproxy/proxy_limits.h"

namespace wasabi::queueproxy {
namespace {

constexpr Duration kConnectTimeout = std::chrono::seconds(30);  // over all tries, see app_dialer.h

}  // namespace

PassedRequest::PassedRequest(http::ServerStream& stream, RequestKind kind, const PassServices& lent,
                             PassedRequestOwner& owner)
    : stream_(stream),
      kind_(kind),
      lent_(lent),
      owner_(owner),
      relay_(stream, *this),
      times_(lent.config.timeouts, lent.loop.now()),
      timer_(lent.loop),
      arrived_(lent.loop.now()),
      trace_(lent.telemetry.beginTrace(stream.request().headers)) {}

PassedRequest::~PassedRequest() = default;

RequestStatistics::From PassedRequest::from() const {
  return kind_ == RequestKind::kProxied ? RequestStatistics::From::kActivator : RequestStatistics::From::kClient;
}

void PassedRequest::begin() {
  WASABI_CHECK(state_ == State::kNew);
  lookAtTimes();
  if (!isLoad(kind_)) return send();
  lent_.statistics.began(from(), lent_.loop.now());
  if (lent_.places == nullptr) return send();
  askForPlace();
}

// ---- a place --------------------------------------------------------------------------------------------------------

void PassedRequest::askForPlace() {
  const Breaker::Arrival arrival = lent_.places->arrive(*this);
  switch (arrival.answer) {
    case Breaker::Answer::kRuns:
      has_place_ = true;
      return send();
    case Breaker::Answer::kWaits:
      state_ = State::kWaiting;
      ticket_ = arrival.ticket;
      return;
    case Breaker::Answer::kFull:
      return refuseFull();
  }
}

void PassedRequest::called() {
  WASABI_CHECK(state_ == State::kWaiting);
  ticket_.reset();
  has_place_ = true;
  send();
}

// Once it is known that the app has no more to do with it.
void PassedRequest::giveBackPlace() {
  if (ticket_) lent_.places->leave(*std::exchange(ticket_, std::nullopt));
  if (std::exchange(has_place_, false)) lent_.places->ended();
}

void PassedRequest::refuseFull() {
  http::Fields fields;
  if (lent_.config.superpod.on) {
    fields.add("retry-after", kFullRetryAfter);
    fields.add("proxy-status", fmt::format("wasabi; error=connection_limit_reached; details=\"{}\"", kFullReason));
  }
  answer(kFullStatus, kFullBody, std::move(fields));
}

// ---- the app --------------------------------------------------------------------------------------------------------

http::ClientRequest PassedRequest::requestForApp() const {
  const http::RequestHead& head = stream_.request();
  http::ClientRequest request;
  request.method = head.method;
  request.target = head.target;
  request.authority = authorityForApp(head);
  request.endpoint = {"app", lent_.config.addresses.user_port};
  const std::string traceparent = trace_ ? traceparentOf(trace_->at_app) : std::string();
  addFieldsForApp(head.headers, stream_.peerAddress(), traceparent, request.headers);
  if (head.content_length) request.headers.set("content-length", fmt::format("{}", *head.content_length));
  request.version = head.version == http::Version::kHttp2 ? http::Version::kHttp2 : http::Version::kHttp11;
  if (!head.upgrade.empty()) {
    // Extended CONNECT of HTTP/2 (RFC 8441) is a GET of HTTP/1.1.
    request.upgrade = head.upgrade;
    request.method = "GET";
    request.version = http::Version::kHttp11;
  }
  request.connect_timeout = kConnectTimeout;
  request.first_byte_timeout = request.between_bytes_timeout = request.tunnel_idle_timeout = kLongestWait;
  return request;
}

void PassedRequest::send() {
  state_ = State::kSent;
  sent_ = lent_.loop.now();
  relay_.start(lent_.app, requestForApp());
}

void PassedRequest::answerBegins(const http::ResponseHead& received, http::Fields& fields) {
  times_.answered(lent_.loop.now());
  status_ = received.status;
  for (const http::Fields::Field field : received.headers) fields.add(field.name, field.value);
  if (received.status != 101) return;
  timer_.cancel();  // no times are set for tunnels
  owner_.isTunnel(*this);
}

void PassedRequest::answerPart(std::size_t) {
  times_.answered(lent_.loop.now());
}

void PassedRequest::peerFailed(http::ClientFailure, http::RequestProgress, const std::string& message) {
  if (!relay_.answering()) answer(502, message);
}

// ---- the times ------------------------------------------------------------------------------------------------------

void PassedRequest::lookAtTimes() {
  if (times_.expiredAt(lent_.loop.now()) != RequestTimeouts::Expired::kNothing) return timedOut();
  if (const auto next = times_.next()) timer_.arm(*next, [this] { lookAtTimes(); });
}

// A client must not take the part that it has for the whole.
void PassedRequest::timedOut() {
  if (relay_.answering()) return relay_.cut();
  relay_.leavePeer();
  answer(RequestTimeouts::kStatus, RequestTimeouts::kBody);
}

// ---- the end --------------------------------------------------------------------------------------------------------

// In place of the app.
void PassedRequest::answer(std::uint16_t status, std::string_view body, http::Fields fields) {
  state_ = State::kOver;
  timer_.cancel();
  giveBackPlace();
  status_ = status;
  own_bytes_ = body.size();
  fields.add("content-type", "text/plain; charset=utf-8");
  stream_.sendHead({status, std::move(fields)}, body.size());
  stream_.send(bytesOf(body));
  stream_.finish({});
}

void PassedRequest::closed(http::CloseReason) {
  state_ = State::kOver;
  timer_.cancel();
  giveBackPlace();
  if (isLoad(kind_)) lent_.statistics.ended(from(), lent_.loop.now());
  lent_.telemetry.passed({stream_.request(), stream_.peerAddress(), status_, own_bytes_ + relay_.bytesReceived(),
                          arrived_, sent_, isLoad(kind_) && lent_.places != nullptr, trace_});
  owner_.over(*this);
}

}  // namespace wasabi::queueproxy
