#include "node/proxied_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "http/egress_call.h"
#include "http/proxy_headers.h"
#include "node/box_words.h"

namespace wasabi::node {
namespace {

constexpr std::string_view kTimeoutField = "wasabi-timeout";

// gRPC needs HTTP/2 all the way.
bool isGrpc(const http::RequestHead& head) {
  const auto type = head.headers.find("content-type");
  return type && type->starts_with("application/grpc");
}

}  // namespace

// The exchange with the target; both sides of a request have an onBody() of their own.
class ProxiedRequest::Upstream final : public http::ClientObserver {
 public:
  Upstream(ProxiedRequest& request, http::Client& client, const http::ClientRequest& head)
      : request_(request), exchange_(client.start(head, *this)) {}

  http::ClientExchange& exchange() { return *exchange_; }

 private:
  void onContinue() override { request_.bodyWanted(); }
  void onHead(const http::ResponseHead& head) override { request_.answerBegins(head); }
  void onUpgrade(const http::ResponseHead& head) override { request_.upgraded(head); }
  void onTunnelInputEnd() override { request_.tunnelInputEnds(); }
  void onBody(std::span<const std::byte> chunk) override { request_.answerBody(chunk); }
  void onWritable() override {
    if (request_.stream_ && !request_.body_complete_) request_.stream_->resumeReading();
  }
  void onEnd(const http::Fields& trailers) override { request_.answerEnds(trailers); }
  void onFailure(http::ClientFailure failure, http::RequestProgress progress, const std::string&) override {
    request_.targetFailed(failure, progress);
  }

  ProxiedRequest& request_;
  std::unique_ptr<http::ClientExchange> exchange_;
};

ProxiedRequest::ProxiedRequest(http::ServerStream& stream, Terms terms, const ProxyServices& lent,
                               ProxiedRequestOwner& owner)
    : stream_(&stream),
      terms_(std::move(terms)),
      lent_(lent),
      owner_(owner),
      method_(stream.request().method),
      path_(stream.request().path()),
      deadline_timer_(lent.loop),
      body_complete_(stream.requestComplete()) {
  if (!body_complete_) may_keep_ = lent_.replays.take();
  stream.attach(*this);
}

ProxiedRequest::~ProxiedRequest() {
  if (may_keep_) lent_.replays.giveBack();
}

void ProxiedRequest::begin() {
  WASABI_CHECK(state_ == State::kNew);
  askDesk();
}

// ---- a place --------------------------------------------------------------------------------------------------------

void ProxiedRequest::askDesk() {
  const TimePoint now = lent_.loop.now();
  const DispatchDesk::Answer answer =
      lent_.desk.arrive({lent_.worker, terms_.token, terms_.version, terms_.arrived, terms_.deadline}, now);
  using Kind = DispatchDesk::Answer::Kind;
  if (answer.kind == Kind::kGoes) return send(answer.run, answer.target);
  if (answer.beyond) return refuse({answer.reason, explain(*answer.beyond)});
  if (answer.kind == Kind::kRefused) return refuse({answer.reason, {}, answer.retry_after});
  state_ = State::kWaiting;
  ticket_ = answer.ticket;
  waited_for_ = answer.reason;
  deadline_timer_.arm(terms_.deadline, [this] {
    // If it was called meanwhile, its call is on the way here.
    leaveQueue();
    if (!ticket_) refuse({Reason::kDeadline});
  });
}

// It keeps its ticket where that is too late.
void ProxiedRequest::leaveQueue() {
  if (ticket_ && lent_.desk.cancel(*ticket_, lent_.loop.now())) ticket_.reset();
}

void ProxiedRequest::called(const DispatchCall& call) {
  WASABI_CHECK(state_ == State::kWaiting || state_ == State::kOver);
  ticket_.reset();
  if (state_ == State::kOver) {
    lent_.desk.ended(call.run, std::nullopt, lent_.loop.now());
    return settleIfOver();
  }
  waited_for_ = call.waited_for;
  queued_ = lent_.loop.now() - terms_.arrived;
  send(call.run, call.target);
}

void ProxiedRequest::addWordsForTarget(http::Fields& headers) const {
  addWordsOfClient(headers, terms_.client, stream_->request().scheme);
  if (target_->kind != Target::Kind::kSuperpod) return;
  addWordsOfRoute(headers, terms_.route);
  if (terms_.hops > 0) http::setHops(terms_.hops, headers);
}

http::ClientRequest ProxiedRequest::upstreamRequest() const {
  const http::RequestHead& head = stream_->request();
  http::ClientRequest request;
  request.method = head.method;
  request.authority = head.authority;
  request.target = head.target;
  request.endpoint = target_->endpoint;
  request.headers = terms_.headers;
  const Duration left = std::max(terms_.deadline - lent_.loop.now(), Duration::zero());
  if (queued_ > Duration::zero()) request.headers.set(kTimeoutField, wasabi::toString(left));
  if (head.content_length) request.headers.set("content-length", fmt::format("{}", *head.content_length));
  if (target_->kind == Target::Kind::kContainer) {
    if (isGrpc(head)) request.version = http::Version::kHttp2;
    request.upgrade = head.upgrade;
    if (!head.upgrade.empty()) request.method = "GET";  // extended CONNECT of HTTP/2 (RFC 8441) is a GET of HTTP/1.1
  } else {
    addWordsForTarget(request.headers);
    // Many requests share a connection, and so a turn of the loops and a system call on both sides: by 1.4 in place of
    // 2.1 times the CPU of a box alone (`./dev bench platform`).
    if (target_->kind == Target::Kind::kSuperpod) request.version = http::Version::kHttp2;
  }
  request.has_body = !body_complete_ || !kept_.empty();
  // Containers turn nobody away, and not all of them know what is expected.
  request.expect_continue = request.has_body && !bodyWhole() && target_->kind != Target::Kind::kContainer;
  request.first_byte_timeout = left + kGrace;
  request.between_bytes_timeout = left + kGrace;
  return request;
}

http::Client& ProxiedRequest::clientFor(const Target& target) const {
  return target.kind == Target::Kind::kContainer ? lent_.containers : lent_.superpods;
}

void ProxiedRequest::send(const policy::Dispatch::Run& run, TargetPtr target) {
  state_ = State::kSent;
  run_ = run;
  booking_.reset();
  target_ = std::move(target);
  at_target_ = true;
  body_wanted_ = false;
  deadline_timer_.arm(terms_.deadline + kGrace, [this] { over(Reason::kTimeout); });
  const http::ClientRequest request = upstreamRequest();
  upstream_ = std::make_unique<Upstream>(*this, clientFor(*target_), request);
  if (!request.has_body) return;
  if (!request.expect_continue) return bodyWanted();
  if (may_keep_ && kept_.size() < kMostKept) stream_->resumeReading();
}

void ProxiedRequest::leaveTarget() {
  if (!at_target_) return;
  at_target_ = false;
  upstream_.reset();
  lent_.desk.ended(run_, booking_, lent_.loop.now());
}

// ---- the request's body ---------------------------------------------------------------------------------------------

void ProxiedRequest::keep(std::span<const std::byte> chunk) {
  if (!kept_whole_) return;
  if (may_keep_ && (kept_.size() + chunk.size() <= kMostKept || !body_wanted_)) {
    kept_.append(reinterpret_cast<const char*>(chunk.data()), chunk.size());
    return;
  }
  kept_whole_ = false;
  kept_ = {};
}

void ProxiedRequest::onBody(std::span<const std::byte> chunk) {
  bytes_in_ += chunk.size();
  keep(chunk);
  if (!body_wanted_) {
    if (kept_.size() >= kMostKept) stream_->pauseReading();
  } else if (upstream_ && upstream_->exchange().send(chunk) == http::WriteRoom::kFull) {
    stream_->pauseReading();
  }
}

void ProxiedRequest::onBodyEnd(const http::Fields& trailers) {
  body_complete_ = true;
  trailers_ = trailers;
  if (body_wanted_ && upstream_) upstream_->exchange().finishBody(trailers_);
}

// Once for each target.
void ProxiedRequest::bodyWanted() {
  body_wanted_ = true;
  auto room = http::WriteRoom::kFree;
  if (!kept_.empty()) room = upstream_->exchange().send(std::as_bytes(std::span(kept_)));
  if (body_complete_) {
    upstream_->exchange().finishBody(trailers_);
  } else if (room == http::WriteRoom::kFree) {
    stream_->resumeReading();
  }
}

// ---- the answer -----------------------------------------------------------------------------------------------------

void ProxiedRequest::answerBegins(const http::ResponseHead& head) {
  const bool from_a_box = target_->kind == Target::Kind::kSuperpod;
  if (from_a_box) lack_ = lackOf(head.headers);
  if (lack_) return;
  ++runs_;
  state_ = State::kAnswering;
  status_ = head.status;
  if (from_a_box) {
    outcome_ = outcomeOf(head.headers);
    booking_ = bookingOf(head.headers);
  }
  http::ResponseHead answer;
  answer.status = head.status;
  http::addProxiedResponseFields(head.headers, answer.headers);
  stream_->sendHead(answer, contentLengthOf(head.headers));
}

// From here on body_wanted_ and the answer's functions carry the bytes of a tunnel.
void ProxiedRequest::upgraded(const http::ResponseHead& head) {
  ++runs_;
  state_ = State::kAnswering;
  status_ = head.status;
  deadline_timer_.cancel();
  http::Fields headers;
  http::addProxiedResponseFields(head.headers, headers);
  tunnel_ = true;
  body_wanted_ = true;
  body_complete_ = false;
  stream_->acceptUpgrade(head.headers.find("upgrade").value_or(stream_->request().upgrade), headers);
  stream_->resumeReading();
}

void ProxiedRequest::tunnelInputEnds() {
  stream_->finish({});
}

void ProxiedRequest::answerBody(std::span<const std::byte> chunk) {
  if (lack_) return;
  bytes_out_ += chunk.size();
  if (stream_->send(chunk) == http::WriteRoom::kFull) upstream_->exchange().pauseReading();
}

void ProxiedRequest::onWritable() {
  if (upstream_) upstream_->exchange().resumeReading();
}

void ProxiedRequest::answerEnds(const http::Fields& trailers) {
  if (lack_) return turnedAway(*std::exchange(lack_, std::nullopt));
  if (!tunnel_) stream_->finish(trailers);
  over(Reason::kNone);
}

void ProxiedRequest::turnedAway(policy::Dispatch::Lack lack) {
  if (!kept_whole_) return over(Reason::kTargetNonsense);  // it has asked for the body and then turned it away
  goElsewhere(lack);
}

void ProxiedRequest::goElsewhere(policy::Dispatch::Lack lack) {
  at_target_ = false;
  upstream_.reset();
  lent_.desk.turnedAway(run_, lack, lent_.loop.now());
  askDesk();
}

void ProxiedRequest::targetFailed(http::ClientFailure failure, http::RequestProgress progress) {
  if (lack_) return turnedAway(*std::exchange(lack_, std::nullopt));
  if (failure == http::ClientFailure::kTimeout && progress != http::RequestProgress::kNotTaken) {
    return over(Reason::kTimeout);
  }
  if (failure == http::ClientFailure::kProtocol) return failed(policy::AttemptEnd::kNonsense);
  failed(progress == http::RequestProgress::kNotTaken ? policy::AttemptEnd::kUnreached : policy::AttemptEnd::kDied);
}

void ProxiedRequest::failed(policy::AttemptEnd end) {
  if (end == policy::AttemptEnd::kUnreached) {
    ++unreached_;
  } else if (state_ != State::kAnswering) {
    ++runs_;
  }
  if (end == policy::AttemptEnd::kDied) lent_.desk.diedUnder(terms_.version, target_->id);
  policy::Attempt attempt;
  attempt.end = end;
  attempt.method = method_;
  attempt.client_has_seen = state_ == State::kAnswering;
  attempt.body_kept = kept_whole_;
  attempt.runs = runs_;
  attempt.unreached = unreached_;
  const policy::Replay decision = policy::decideReplay(attempt);
  if (!decision.again) return over(reasonOfFailure(decision.reason));
  // Until it is known that it is gone, nobody else should find that out.
  goElsewhere(policy::Dispatch::Lack::kShared);
}

// ---- the end --------------------------------------------------------------------------------------------------------

void ProxiedRequest::onClosed(http::CloseReason reason) {
  stream_ = nullptr;
  if (reason == http::CloseReason::kTimedOut) return over(Reason::kClientTooSlow);
  over(Reason::kClientGone);
}

void ProxiedRequest::stop(Reason reason) {
  over(reason);
}

void ProxiedRequest::notStarted(Reason reason, std::string_view why) {
  leaveQueue();
  if (!ticket_) refuse({reason, why});  // else it was called meanwhile
}

void ProxiedRequest::refuse(const Refusal& refusal) {
  status_ = statusOf(refusal.reason);
  sendRefusal(*stream_, refusal, terms_.request_id);
  over(refusal.reason);
}

// However it ends; what comes after the first time is of no more use.
void ProxiedRequest::over(Reason reason) {
  if (state_ == State::kOver) return settleIfOver();
  const State before = std::exchange(state_, State::kOver);
  reason_ = reason;
  deadline_timer_.cancel();
  leaveQueue();
  leaveTarget();
  if (stream_ && reason != Reason::kNone && status_ == 0) {
    refuse({reason});
  } else if (stream_ && reason != Reason::kNone && before == State::kAnswering) {
    stream_->abort();
  }
  settleIfOver();
}

// A call that is on its way here finds it still.
void ProxiedRequest::settleIfOver() {
  if (stream_ || ticket_ || settled_) return;
  settled_ = true;
  ProxiedRecord record;
  record.request_id = terms_.request_id;
  record.version = terms_.version;
  if (target_) record.target = target_->name;
  record.method = method_;
  record.path = path_;
  record.status = status_ != 0 ? status_ : statusOf(reason_);
  record.reason = reason_;
  record.waited_for = waited_for_;
  record.outcome = outcome_;
  record.bytes_in = bytes_in_;
  record.bytes_out = bytes_out_;
  record.wall = lent_.loop.now() - terms_.arrived;
  record.queued = queued_;
  record.runs = runs_;
  owner_.settled(terms_.token, record);
}

}  // namespace wasabi::node
