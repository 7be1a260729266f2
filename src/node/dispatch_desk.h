// Where the requests of all gateway workers go: policy::Dispatch behind one lock.
//
// A request that has to wait is known here by its worker and token; when its turn comes, whoever made room tells its
// worker (`call`). Each request that was sent to a target, at once or by a call, ends there with ended() or
// turnedAway(), once, with the run it was given; each that waits and does not want to any more leaves by cancel().
// Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/unique_function.h"
#include "base/units.h"
#include "http/client.h"
#include "node/reason.h"
#include "policy/dispatch.h"

namespace wasabi::node {

// Who serves requests.
struct Target {
  enum class Kind : std::uint8_t {
    kSuperpod,
    kContainer,  // of one function
    kOwn,        // a part of the platform itself, such as the API
  };

  policy::TargetId id;
  Kind kind = Kind::kSuperpod;
  std::string name;         // for people: "superpod-3"
  http::Endpoint endpoint;  // a unix socket; of a container what its socket factory knows
};
using TargetPtr = std::shared_ptr<const Target>;

// A request that waited and is to go to its target now.
struct DispatchCall {
  std::size_t worker = 0;
  std::uint64_t token = 0;  // of the worker's
  policy::Dispatch::Run run;
  TargetPtr target;
  Reason waited_for = Reason::kNone;
};

class DispatchDesk {
 public:
  struct Events {
    // Each is called on any thread, outside the lock.
    UniqueFunction<void(DispatchCall)> call;
    // A request waits for it, and nobody serves it; told for each that comes. What loses its last target while
    // requests wait is found by unserved().
    UniqueFunction<void(policy::VersionId)> wanted;
  };
  DispatchDesk(const policy::QueueBounds& bounds, Events events);

  // As policy::Dispatch has them.
  void setBounds(const policy::QueueBounds& bounds);
  void setTenant(policy::TenantId tenant, const policy::Dispatch::TenantTerms& terms);
  void setFunction(policy::FunctionId function, const policy::Dispatch::FunctionTerms& terms);
  void setVersion(policy::VersionId version, const policy::Dispatch::VersionTerms& terms);

  // The number of `target` is free: new, or drained since.
  void addTarget(TargetPtr target, const policy::Dispatch::TargetTerms& terms);
  void closeTarget(policy::TargetId target);
  bool drained(policy::TargetId target);
  void serves(policy::TargetId target, policy::VersionId version, TimePoint now);
  void servesNoMore(policy::TargetId target, policy::VersionId version);

  struct Request {
    std::size_t worker = 0;
    std::uint64_t token = 0;
    policy::VersionId version;
    TimePoint arrival;
    TimePoint deadline;
  };
  struct Answer {
    enum class Kind : std::uint8_t { kGoes, kWaits, kRefused } kind = Kind::kGoes;
    policy::Dispatch::Run run;                             // of one that goes
    TargetPtr target;                                      // of one that goes
    Reason reason = Reason::kNone;                         // of one that waits or is refused
    std::optional<std::chrono::seconds> retry_after = {};  // of one that is refused
    std::optional<policy::Dispatch::Beyond> beyond = {};   // of one that is refused: it could not run alone either
    policy::Ticket ticket = 0;                             // of one that waits, for cancel()
  };
  Answer arrive(const Request& request, TimePoint now);
  // False when that is too late: it was called, and is at its target.
  bool cancel(policy::Ticket ticket, TimePoint now);

  // `booking`: what its box said it books for such a request, if it said so.
  void ended(const policy::Dispatch::Run& run, std::optional<ByteSize> booking, TimePoint now);
  void turnedAway(const policy::Dispatch::Run& run, policy::Dispatch::Lack lack, TimePoint now);
  void diedUnder(policy::VersionId version, policy::TargetId target);
  std::vector<policy::VersionId> diedUnder(policy::TargetId target);

  // Calls those whose turn it is. What other calls here do by themselves; a worker calls it now and then while somebody
  // waits, since targets get room without telling.
  void callNext(TimePoint now);
  // Lock-free.
  bool anyWaits() const { return waiting_.load(std::memory_order_relaxed) > 0; }

  std::vector<policy::VersionId> unserved();
  std::vector<policy::Dispatch::Beyond> waitingInVain();
  policy::Dispatch::VersionFigures figures(policy::VersionId version);
  policy::Dispatch::TenantFigures tenantFigures(policy::TenantId tenant);
  policy::Verdict outlook(policy::VersionId version, TimePoint now);
  std::uint32_t running(policy::TargetId target);

 private:
  struct Place {
    std::size_t worker;
    std::uint64_t token;
  };

  template <typename Change>
  void changeAndCall(TimePoint now, Change change);
  std::vector<DispatchCall> takeNext(TimePoint now);

  Events events_;
  std::mutex mutex_;
  policy::Dispatch dispatch_;
  std::vector<TargetPtr> targets_;  // by number
  policy::Ticket last_ticket_ = 0;
  std::unordered_map<policy::Ticket, Place> places_;  // of those who wait
  std::atomic<std::size_t> waiting_{0};
};

}  // namespace wasabi::node
