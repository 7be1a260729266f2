// One request on its way through the gateway: it finds a target at the desk, is carried there, and its answer back.
//
//   kNew --> kWaiting --> kSent --> kAnswering --> kOver --> settled, when the client's stream is closed too
//     |                     |  ^
//     +---------------------+  | turned away for want of room, or its target died and policy::decideReplay lets it run
//                              | again
//
// An upgrade that a container accepts is an answer too: then the two connections are a tunnel, without a deadline.
//
// The head of the body is kept until the answer begins (kMostKept), so that the request can be sent again. What does
// not fit is not read from the client before the target has said that it begins (`Expect: 100-continue`), since a
// target that turns a request away has no use for its body.
//
// Lives on its worker's loop. Whatever ends it goes through over(), once, which settles the account with the desk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/units.h"
#include "http/client.h"
#include "http/event_loop.h"
#include "http/server.h"
#include "node/dispatch_desk.h"
#include "node/reason.h"
#include "node/refusal.h"
#include "node/replay_budget.h"
#include "policy/replay.h"

namespace wasabi::node {

// What a worker lends to its requests; all of it outlives them.
struct ProxyServices {
  http::EventLoop& loop;
  http::Client& superpods;  // and the platform's own parts
  http::Client& containers;
  DispatchDesk& desk;
  ReplayBudget& replays;  // kMostKept each
  std::size_t worker = 0;
};

// What is known of a request when it is over: for the access log and the metrics.
struct ProxiedRecord {
  std::string_view request_id;
  policy::VersionId version;
  std::string_view target;  // that served it last; empty if none did
  std::string_view method;
  std::string_view path;
  std::uint16_t status = 0;
  Reason reason = Reason::kNone;
  Reason waited_for = Reason::kNone;
  std::string_view outcome;  // the box's reason, where it answered in place of its function
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  Duration wall{};
  Duration queued{};
  std::uint32_t runs = 0;
};

class ProxiedRequest;

class ProxiedRequestOwner {
 public:
  virtual ~ProxiedRequestOwner() = default;
  // The last call; destroy it soon, and not inside of this. What the record views holds during the call.
  virtual void settled(std::uint64_t token, const ProxiedRecord& record) = 0;
};

class ProxiedRequest final : private http::StreamObserver {
 public:
  // Of each request, in bytes; design section 14.
  static constexpr std::size_t kMostKept = 64 * 1024;
  // Beyond the request's deadline: the target ends it by itself and says why, if it still lives.
  static constexpr Duration kGrace = std::chrono::seconds(5);

  struct Terms {
    std::uint64_t token = 0;  // of the owner's
    policy::VersionId version;
    std::string route;   // for the box: "acme/hello@3;prefix=11"
    std::string client;  // as ServerStream::peerAddress() says it, for the box
    std::string request_id;
    http::Fields headers;    // as they are passed on
    std::uint32_t hops = 0;  // calls of functions that led to it
    TimePoint arrived;
    TimePoint deadline;
  };

  // `stream` has not been attached to yet. Then call begin().
  ProxiedRequest(http::ServerStream& stream, Terms terms, const ProxyServices& lent, ProxiedRequestOwner& owner);
  ~ProxiedRequest() override;
  ProxiedRequest(const ProxiedRequest&) = delete;
  ProxiedRequest& operator=(const ProxiedRequest&) = delete;

  void begin();
  // Its turn has come.
  void called(const DispatchCall& call);
  // Ends it whatever it does.
  void stop(Reason reason);
  bool waitsFor(policy::VersionId version) const { return state_ == State::kWaiting && terms_.version == version; }
  // It waits for a version that nobody will serve; `why` is for people.
  void notStarted(Reason reason, std::string_view why);

 private:
  enum class State : std::uint8_t { kNew, kWaiting, kSent, kAnswering, kOver };
  class Upstream;

  // From the client.
  void onBody(std::span<const std::byte> chunk) override;
  void onBodyEnd(const http::Fields& trailers) override;
  void onWritable() override;
  void onClosed(http::CloseReason reason) override;

  // From the target.
  void bodyWanted();
  void answerBegins(const http::ResponseHead& head);
  void upgraded(const http::ResponseHead& head);
  void tunnelInputEnds();
  void answerBody(std::span<const std::byte> chunk);
  void answerEnds(const http::Fields& trailers);
  void targetFailed(http::ClientFailure failure, http::RequestProgress progress);

  void askDesk();
  void leaveQueue();
  void send(const policy::Dispatch::Run& run, TargetPtr target);
  http::ClientRequest upstreamRequest() const;
  void addWordsForTarget(http::Fields& headers) const;
  http::Client& clientFor(const Target& target) const;
  void keep(std::span<const std::byte> chunk);
  void sendBody();
  void turnedAway(policy::Dispatch::Lack lack);
  void goElsewhere(policy::Dispatch::Lack lack);
  void failed(policy::AttemptEnd end);
  void leaveTarget();
  void refuse(const Refusal& refusal);
  void over(Reason reason);
  void settleIfOver();
  bool bodyWhole() const { return body_complete_ && kept_whole_; }

  http::ServerStream* stream_;  // null once it is closed
  const Terms terms_;
  const ProxyServices lent_;
  ProxiedRequestOwner& owner_;
  const std::string method_;
  const std::string path_;
  State state_ = State::kNew;
  std::optional<policy::Ticket> ticket_;  // while it waits
  TargetPtr target_;                      // while it is there, and the last one for the record
  policy::Dispatch::Run run_;             // while it is there
  std::optional<ByteSize> booking_;       // what its box said it books for such a request
  bool at_target_ = false;
  std::unique_ptr<Upstream> upstream_;
  http::Timer deadline_timer_;

  std::string kept_;                            // the body so far, while kept_whole_
  http::Fields trailers_;                       // of the body
  bool may_keep_ = false;                       // it holds a place of the budget
  bool kept_whole_ = true;                      // all of the body that came is in kept_
  bool body_complete_;                          // no more comes from the client
  bool body_wanted_ = false;                    // by the target at which it is
  std::optional<policy::Dispatch::Lack> lack_;  // it is being turned away
  bool tunnel_ = false;
  bool settled_ = false;

  Reason reason_ = Reason::kNone;
  Reason waited_for_ = Reason::kNone;
  std::string outcome_;
  std::uint16_t status_ = 0;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  std::uint32_t runs_ = 0;
  std::uint32_t unreached_ = 0;
  Duration queued_{};
};

}  // namespace wasabi::node
