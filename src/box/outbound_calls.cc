#include "box/outbound_calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "box/field_views.h"
#include "http/egress_call.h"
#include "http/proxy_headers.h"

namespace wasabi::box {
namespace {

// Response bytes held for a guest that does not read; the peer rests above it.
constexpr std::size_t kReadHighWatermark = 256 * 1024;
constexpr std::size_t kReadLowWatermark = 64 * 1024;
constexpr std::size_t kWriteRoom = 64 * 1024;
// For a connection that the gateway brings; and what its own account of a call's times may be late by.
constexpr Duration kGatewayPatience = std::chrono::seconds(10);

engine::OutboundFailure failureFor(http::ClientFailure failure) {
  switch (failure) {
    case http::ClientFailure::kDenied:
      return engine::OutboundFailure::kDenied;
    case http::ClientFailure::kResolve:
      return engine::OutboundFailure::kDns;
    case http::ClientFailure::kConnect:
      return engine::OutboundFailure::kConnect;
    case http::ClientFailure::kTimeout:
      return engine::OutboundFailure::kTimeout;
    case http::ClientFailure::kTls:
      return engine::OutboundFailure::kTls;
    case http::ClientFailure::kCertificate:
      return engine::OutboundFailure::kCertificate;
    case http::ClientFailure::kRequest:
    case http::ClientFailure::kProtocol:
      return engine::OutboundFailure::kProtocol;
    case http::ClientFailure::kDisconnected:
      return engine::OutboundFailure::kDisconnected;
    case http::ClientFailure::kLimit:
      return engine::OutboundFailure::kLimit;
  }
  return engine::OutboundFailure::kInternal;
}

}  // namespace

// One call. Passes what the peer says to the guest; the guest's own side comes in through OutboundCalls.
class OutboundCalls::Call final : public http::ClientObserver {
 public:
  Call(std::uint64_t id, engine::Invocation& guest, FunctionLog& log, std::string authority, EgressWay way)
      : id_(id), guest_(guest), log_(log), authority_(std::move(authority)), way_(way) {}

  void begin(http::Client& client, const http::ClientRequest& request) { exchange_ = client.start(request, *this); }
  bool open() const { return exchange_ != nullptr; }

  std::size_t room() const { return exchange_ && room_ == http::WriteRoom::kFull ? 0 : kWriteRoom; }
  void send(std::span<const std::byte> data) {
    if (exchange_) room_ = exchange_->send(data);
  }
  void finishBody() {
    if (exchange_) exchange_->finishBody();
  }
  void consumed(std::size_t size) {
    unread_ -= std::min(size, unread_);
    if (exchange_ && paused_ && unread_ <= kReadLowWatermark) {
      paused_ = false;
      exchange_->resumeReading();
    }
  }

 private:
  void onHead(const http::ResponseHead& head) override {
    if (way_ == EgressWay::kGateway) {
      if (const auto failure = http::egressFailureOf(head.headers)) {
        return fails(*failure, fmt::format("{}, says the gateway", http::nameOf(*failure)));
      }
    }
    const std::vector<engine::FieldView> fields = viewsOf(head.headers);
    guest_.outboundHead(id_, head.status, fields);
  }
  void onBody(std::span<const std::byte> chunk) override {
    unread_ += chunk.size();
    if (unread_ > kReadHighWatermark && !paused_) {
      paused_ = true;
      exchange_->pauseReading();
    }
    guest_.outboundPush(id_, chunk);
  }
  void onWritable() override {
    room_ = http::WriteRoom::kFree;
    guest_.outboundReady(id_);
  }
  void onEnd(const http::Fields& trailers) override {
    const std::vector<engine::FieldView> fields = viewsOf(trailers);
    guest_.outboundEnd(id_, fields);
    exchange_.reset();  // the trailers are its own
  }
  void onFailure(http::ClientFailure failure, http::RequestProgress, const std::string& message) override {
    fails(failure, message);
  }
  void fails(http::ClientFailure failure, std::string_view why) {
    log_.say(fmt::format("call to {}: {}", authority_, why));
    exchange_.reset();
    guest_.outboundFail(id_, failureFor(failure));
  }

  const std::uint64_t id_;
  engine::Invocation& guest_;
  FunctionLog& log_;
  const std::string authority_;
  const EgressWay way_;
  std::unique_ptr<http::ClientExchange> exchange_;
  http::WriteRoom room_ = http::WriteRoom::kFree;
  std::size_t unread_ = 0;
  bool paused_ = false;
};

OutboundCalls::OutboundCalls(Egress egress, OutboundCaller caller, std::uint32_t max_open)
    : egress_(egress), caller_(caller), max_open_(max_open) {}

OutboundCalls::~OutboundCalls() = default;

engine::OutboundFailure OutboundCalls::start(std::uint64_t id, const engine::OutboundRequest& request,
                                             engine::Invocation& guest) {
  std::erase_if(calls_, [](const auto& entry) { return !entry.second->open(); });
  const auto peer = catalog::outboundPeer(request.authority, request.tls);
  if (!peer || !caller_.function.mayCall(*peer)) return engine::OutboundFailure::kDenied;
  if (calls_.size() >= max_open_) return engine::OutboundFailure::kLimit;

  http::ClientRequest out;
  out.method = request.method;
  out.tls = request.tls;
  out.authority = request.authority;
  out.target = request.path;
  for (const engine::FieldView& field : request.headers) {
    if (!http::isInternalField(field.name)) out.headers.add(field.name, field.value);
  }
  out.has_body = request.has_body;
  out.partition = caller_.function.name.tenant;
  out.connect_timeout = request.connect_timeout;
  out.first_byte_timeout = request.first_byte_timeout;
  out.between_bytes_timeout = request.between_bytes_timeout;
  if (egress_.way == EgressWay::kGateway) addWordsForGateway(request, out);
  auto call = std::make_unique<Call>(id, guest, caller_.log, std::string(request.authority), egress_.way);
  call->begin(egress_.client, out);
  calls_.emplace(id, std::move(call));
  return engine::OutboundFailure::kNone;
}

// The gateway keeps the times that the guest has set, and tells which one has passed.
void OutboundCalls::addWordsForGateway(const engine::OutboundRequest& request, http::ClientRequest& out) const {
  http::setEgressCall({.caller = caller_.function.name,
                       .tls = request.tls,
                       .connect_timeout = request.connect_timeout,
                       .first_byte_timeout = request.first_byte_timeout,
                       .between_bytes_timeout = request.between_bytes_timeout,
                       .hops = caller_.hops,
                       .trace_id = caller_.request_id},
                      out.headers);
  out.tls = false;
  out.endpoint = {.name = "gateway"};
  out.version = http::Version::kHttp2;
  out.partition.clear();  // to the gateway all calls look alike
  out.connect_timeout = kGatewayPatience;
  out.first_byte_timeout = request.connect_timeout + request.first_byte_timeout + kGatewayPatience;
  out.between_bytes_timeout = request.between_bytes_timeout + kGatewayPatience;
}

bool OutboundCalls::idle() const {
  return std::none_of(calls_.begin(), calls_.end(), [](const auto& entry) { return entry.second->open(); });
}

OutboundCalls::Call* OutboundCalls::find(std::uint64_t id) const {
  const auto found = calls_.find(id);
  return found == calls_.end() ? nullptr : found->second.get();
}

std::size_t OutboundCalls::room(std::uint64_t id) const {
  const Call* call = find(id);
  return call ? call->room() : kWriteRoom;
}

void OutboundCalls::body(std::uint64_t id, std::span<const std::byte> data) {
  if (Call* call = find(id)) call->send(data);
}

void OutboundCalls::bodyEnd(std::uint64_t id, bool complete) {
  Call* call = find(id);
  if (!call) return;
  if (complete) {
    call->finishBody();
  } else {
    calls_.erase(id);  // closes the connection: the peer sees a request that was cut short
  }
}

void OutboundCalls::consumed(std::uint64_t id, std::size_t size) {
  if (Call* call = find(id)) call->consumed(size);
}

void OutboundCalls::cancel(std::uint64_t id) {
  calls_.erase(id);
}

void OutboundCalls::cancelAll() {
  calls_.clear();
}

}  // namespace wasabi::box
