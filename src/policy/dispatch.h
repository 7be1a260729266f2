// Where requests go that others serve: to a *target* (a superpod, or the container of a function) which serves their
// version and has room, or into the queue until there is one.
//
//   arrive() --> goes to a target
//            --> waits ----------> next() --> goes to a target
//                     +----------> cancel()            deadline, disconnect
//            --> refused           with a reason, and when to try again
//   goes ... ended()               the target is done with it, however it ended
//        ... turnedAway()          the target had no room and has not begun: it goes elsewhere, or waits again
//
// What a superpod has room for only the superpod knows: it books by what it has seen of its functions. So a superpod is
// believed to have room until it turns a request away, and then to have none until something on it ends, or for
// kBelief, since its room also grows by what it does not tell. A container serves so many requests at once and no more.
//
// Among the targets with room the one is chosen on which the least runs for its size; of equals the lowest number, so
// that those with higher ones run dry and can be given up.
//
// Each version has a line of its own in the queue, so that one which is being started keeps none of the others waiting.
// Limits of a function and of a tenant hold over all targets: they are counted here.
//
// So is the memory that a tenant's running requests are booked, which never goes beyond its limit. A request to a
// superpod is charged when it goes, and until it ends, by what a superpod last told one of its version to be booked;
// before the first word, and at most, by what the version declares. A container is charged whole, by what it may have,
// while anything runs on it. Whoever finds no room below the limit waits, and delays no other tenant: the queue keeps a
// large one from waiting for ever behind small ones of its tenant. What could not run with nobody beside it is refused
// at once; that is judged by what the version declares, so that it does not change with what was seen of it. A limit
// that is lowered takes nothing away from who runs.
//
// Without clock, thread or lock; the same calls lead to the same answers.
#pragma once

#include <algorithm>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/units.h"
#include "policy/ids.h"
#include "policy/request_queue.h"

namespace wasabi::policy {

struct TargetId {
  std::uint32_t value = 0;
  constexpr auto operator<=>(const TargetId&) const = default;
};

class Dispatch {
 public:
  // After that a target that turned a request away is asked again, though nothing on it has ended.
  static constexpr Duration kBelief = std::chrono::milliseconds(20);

  explicit Dispatch(const QueueBounds& bounds) : queue_(bounds) {}

  struct FunctionTerms {
    TenantId tenant;
    std::uint32_t concurrency = 1;  // of all its versions together
  };
  void setBounds(const QueueBounds& bounds) { queue_.setBounds(bounds); }
  struct TenantTerms {
    double weight = 1;
    std::optional<std::uint32_t> concurrency;
    std::optional<ByteSize> memory;  // booked at once
  };
  struct VersionTerms {
    FunctionId function;
    // What a request declares, or a container may have. When a request had to wait its turn is charged by it.
    ByteSize memory;
    enum class Books : std::uint8_t { kEachRequest, kEachTarget } books = Books::kEachRequest;
  };
  // Each before anything is asked of it.
  void setTenant(TenantId tenant, const TenantTerms& terms);
  void setFunction(FunctionId function, const FunctionTerms& terms);
  void setVersion(VersionId version, const VersionTerms& terms);
  // The number may be used for another version then. Nothing runs or waits, and no target serves it.
  void forgetVersion(VersionId version);

  // `size` weighs its load against that of others. `most_running`: requests at once, where it takes no more.
  struct TargetTerms {
    double size = 1;
    std::optional<std::uint32_t> most_running;
  };
  void addTarget(TargetId target, const TargetTerms& terms);
  // Nothing goes there any more. What runs there may still end; the number may be used again once `drained`.
  void closeTarget(TargetId target);
  bool drained(TargetId target) const;
  void serves(TargetId target, VersionId version);
  void servesNoMore(TargetId target, VersionId version);

  struct Request {
    Ticket ticket;  // as RequestQueue wants it
    VersionId version;
    TimePoint arrival;
    TimePoint deadline;
  };
  // A request on its way to a target, or there: to be given back as it is when it leaves.
  struct Run {
    VersionId version;
    TargetId target;
    ByteSize booked;  // of its tenant's memory, by itself
  };
  // What a version declares, and its tenant may never have.
  struct Beyond {
    VersionId version;
    ByteSize declared;
    ByteSize limit;
  };
  struct Answer {
    enum class Kind : std::uint8_t { kGoes, kWaits, kRefused } kind = Kind::kGoes;
    Run run;                         // of one that goes
    std::optional<Verdict> because;  // of one that waits or is refused
    std::optional<Refusal> refusal;  // of one that is refused, if not for kNever
    std::optional<Beyond> beyond;    // of one that is refused for kNever
  };
  Answer arrive(const Request& request, TimePoint now);

  struct Call {
    Waited waited;
    Run run;
  };
  // One that waited and goes now. Ask until there is none: after each change here, and each kBelief while any waits.
  std::optional<Call> next(TimePoint now);
  // It waits no more; nothing if it did not.
  std::optional<Waited> cancel(Ticket ticket, TimePoint now) { return queue_.remove(ticket, now); }

  void ended(const Run& run);
  // The target had no room for it and has not begun. `kOwn`: for the function's own limits there; others may find room.
  enum class Lack : std::uint8_t { kShared, kOwn };
  void turnedAway(const Run& run, Lack lack, TimePoint now);
  // What a superpod says that it books for a request of the version. From the next one on.
  void setBooking(VersionId version, ByteSize booked) { versions_[version.value].told = booked; }
  // The target seems to have died while it ran the version; ended() or turnedAway() follow.
  void diedUnder(VersionId version, TargetId target);
  // Those, each once, since it was added.
  std::vector<VersionId> diedUnder(TargetId target) const { return this->target(target).died_under; }

  // Versions for which requests wait and which no target serves; in no order.
  std::vector<VersionId> unserved() const;
  // Those for which requests wait that came before a limit was lowered, and could never run now.
  std::vector<Beyond> waitingInVain() const;

  struct VersionFigures {
    std::uint32_t running = 0;
    std::size_t waiting = 0;
    std::size_t targets = 0;           // open ones that serve it
    std::uint64_t began = 0;           // in all; one that was turned away and begins again counts again
    ByteSize booked;                   // for all that run
    ByteSize booking;                  // for the next one: a request or, where those are booked, a target
    std::optional<Verdict> waits_for;  // the first of those that wait
    // More targets would help none of them: their tenant has no memory left for one.
    bool waitsForTenantMemory() const { return waits_for == Verdict::kTenantMemory || waits_for == Verdict::kNever; }
  };
  VersionFigures figures(VersionId version) const;
  struct TenantFigures {
    ByteSize booked;
    std::optional<ByteSize> memory;  // its limit
    std::uint32_t running = 0;
    std::size_t waiting = 0;
  };
  TenantFigures tenantFigures(TenantId tenant) const;
  // Of a request to the version that comes now, were it its turn.
  Verdict outlook(VersionId version, TimePoint now) const { return judge(version, now).verdict; }
  std::uint32_t running(TargetId target) const { return this->target(target).running; }
  const RequestQueue& queue() const { return queue_; }

 private:
  struct Target {
    TargetTerms terms;
    bool open = false;
    std::uint32_t running = 0;
    ByteSize booked;                                        // for itself
    std::optional<TimePoint> full_until;                    // for all functions
    std::unordered_map<std::uint32_t, TimePoint> full_for;  // by number of the version
    std::vector<VersionId> died_under;
  };
  struct Version {
    VersionTerms terms;
    std::optional<ByteSize> told;
    std::vector<TargetId> targets;  // open ones, by number
    std::uint32_t running = 0;
    std::uint64_t began = 0;
    ByteSize booked;
    bool idle() const { return targets.empty() && running == 0; }
    bool booksTargets() const { return terms.books == VersionTerms::Books::kEachTarget; }
    ByteSize booking() const { return told && !booksTargets() ? std::min(*told, terms.memory) : terms.memory; }
  };
  struct Function {
    FunctionTerms terms;
    std::vector<VersionId> versions;
    std::uint32_t running = 0;
  };
  struct Tenant {
    TenantTerms terms;
    std::uint32_t running = 0;
    ByteSize booked;
    bool hasRoomFor(ByteSize memory) const;
  };

  struct Choice {
    Verdict verdict;
    TargetId target;                     // of kRun
    TimePoint until = TimePoint::max();  // as Judgement
  };

  Target& target(TargetId id);
  const Target& target(TargetId id) const;
  static bool isAtItsMost(const Target& target);
  static bool hasRoom(const Target& target, VersionId version, TimePoint now);
  struct Search {
    std::optional<TargetId> found;
    bool memory_lacks = false;  // a target with room is not for it: its tenant has none left for that
  };
  std::optional<Beyond> beyondLimit(VersionId version) const;
  Search choose(const Version& version, VersionId id, const Tenant& tenant, TimePoint now) const;
  std::optional<TimePoint> turnedAwayUntil(VersionId version, TimePoint now) const;
  void wake(const Function& function);
  Choice judge(VersionId version, TimePoint now) const;
  Waiter waiterFor(const Request& request) const;
  Run begin(VersionId version, TargetId target);
  void leave(const Run& run);
  void book(Version& version, Tenant& tenant, ByteSize memory);
  void giveBack(Version& version, Tenant& tenant, ByteSize memory);

  RequestQueue queue_;
  std::vector<Target> targets_;      // by number
  std::vector<Function> functions_;  // by number
  std::vector<Tenant> tenants_;      // by number
  std::vector<Version> versions_;    // by number
};

}  // namespace wasabi::policy
