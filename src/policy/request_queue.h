// The one queue in which requests wait for admission: bounded, fair between tenants, and never stuck.
//
// Order. Weighted fair between tenants, then fair between the functions of a tenant (start-time fair queueing, charged
// at admission by the waiter's cost), then oldest first. A tenant that floods lengthens its own line only, and one that
// was idle has saved up nothing. Between two tenants that both have waiters all the time and no limits of their own in
// the way, the cost admitted, divided by the weight, differs by one request of each at most; by one more where a
// blocked head was admitted before its turn.
//
// Room. `next` asks the heads of the lines in this order. A head whose own limits are in the way is set aside and keeps
// nobody waiting; so is one whose function's line for the CPU is long already, and one whose tenant is over its share
// of the room, or has none left of the memory that it may have. Of such a tenant others may be admitted before it only
// for kOvertakingTime since it was first found so; then none is until it fits, so that a large request does not wait
// for ever behind small ones of its own tenant. The first head for which there is no room is the *blocked head*: others
// may still be admitted before it, but at most kOvertakings of them and only for kOvertakingTime since it was first
// blocked. After that nobody is, until it is admitted, leaves, or its own limits get in the way. So a blocked head
// waits at most kOvertakingTime and then until so many of those who run have ended that it fits, whatever anybody else
// does. (What would not even fit into an empty box must be refused by the caller, never offered.)
//
// No wake-up is lost. Whoever frees room, for whatever reason, calls `next` until it answers nothing; who was asked and
// had no room is asked again each time. What was set aside is asked again when `ended` names it, or somebody ends and
// it waits for its tenant's share, or one of its tenant's ends and it waits for the tenant's memory (kLookAhead of
// those at a time), and after kAskAgain in any case; `nextDue` never lies further ahead than that while somebody waits.
// So a call that was forgotten costs kAskAgain at most.
//
// A value without clock, thread or lock: copies are independent, and the same calls lead to the same answers. Times
// come from the caller, nearly in order (workers read the clock before they take the lock).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/units.h"
#include "policy/admission_rate.h"
#include "policy/ids.h"
#include "policy/waiting_lines.h"

namespace wasabi::policy {

using Ticket = std::uint64_t;

// Of those who wait; more are refused. 0: nobody waits.
struct QueueBounds {
  std::size_t total = 20'000;
  std::size_t tenant = 10'000;
  std::size_t function = 5'000;
  bool operator==(const QueueBounds&) const = default;
};

struct Waiter {
  Ticket ticket = 0;  // the caller's choice; no two at a time
  TenantId tenant;
  FunctionId function;
  ByteSize memory;  // what it will be booked, for the figures only
  double cost = 1;  // what its tenant and function are charged, e.g. bytes times the expected time; below 1 counts as 1
  TimePoint arrival{};  // of one that is queued anew after an eviction: the first
  TimePoint deadline{};
};

// What the caller says of the head of a line.
enum class Verdict : std::uint8_t {
  kRun,             // fits now, and is admitted
  kNoMemory,        // no room: what all share is not there
  kNoCpu,           // those of the function that run already wait long for their slices; others' need not
  kFunctionBusy,    // the function's own limit: concurrency
  kFunctionInDebt,  // the function's own limit: CPU quota
  kTenantBusy,      // the tenant's own limit: concurrency
  kOverShare,       // there may be room, but it is kept for tenants that hold less than this one
  kNotStarted,      // nobody serves the function yet
  kTurnedAway,      // those that serve the function refuse it for its own limits there; others may find room
  kTenantMemory,    // the tenant's own limit: memory; less may fit
  kNever,           // the tenant's own limit: memory, of which it could not have enough with nobody beside it
};

struct Judgement {
  Verdict verdict;
  TimePoint until = TimePoint::max();  // of an own limit: when it will be over, where that is known
};
using Judge = std::function<Judgement(const Waiter&)>;

// One that left the queue.
struct Waited {
  Waiter waiter;
  std::optional<Verdict> waited_for;  // what was last in its way; nothing if it was never asked: others were ahead
};

enum class RefusedBy : std::uint8_t {
  kFunctionBound,
  kTenantBound,
  kTotalBound,
  kDeadline,  // the expected wait exceeds it
};

struct Refusal {
  RefusedBy by;
  std::optional<std::chrono::seconds> retry_after;  // nothing where trying again does not help
  std::optional<Duration> expected_wait;
};

struct BlockedHead {
  Waiter waiter;
  Verdict waits_for;
  TimePoint since;
  std::size_t overtaken;
  bool may_be_overtaken;
};

struct Explanation {
  std::optional<Refusal> refusal;  // what `offer` would answer
  // Who would be admitted before it if all who are not held by limits of their own fitted and nobody else came.
  std::size_t ahead = 0;
  std::size_t waiting_of_function = 0;
  std::size_t waiting_of_tenant = 0;
  std::size_t waiting = 0;
  // As `offer` expects it; for the first of its function, who has nobody ahead in its line: by `ahead` and the rate of
  // all. Nothing without history.
  std::optional<Duration> expected_wait;
  std::optional<Verdict> function_waits_for;  // what was last said of the head of the function's line
  std::optional<BlockedHead> blocked_head;
};

class RequestQueue {
 public:
  static constexpr Duration kOvertakingTime = std::chrono::milliseconds(100);
  static constexpr std::size_t kOvertakings = 64;
  // In one search, how many heads without room are asked before the search is given up; and how many of those over
  // their shares are asked again when somebody ends. A part of the overtaking rule: it bounds the cost of a search
  // while memory is short.
  static constexpr std::size_t kLookAhead = 16;
  static constexpr Duration kAskAgain = std::chrono::milliseconds(100);
  // So many times the free places a tenant may hold of the total, so that few tenants cannot fill the queue for all.
  static constexpr std::size_t kShareOfFree = 4;
  static constexpr std::chrono::seconds kMaxRetryAfter{60};

  explicit RequestQueue(const QueueBounds& bounds = {}) : bounds_(bounds) {}

  // Both for what comes from now on: who waits stays, what was charged stays.
  void setBounds(const QueueBounds& bounds) { bounds_ = bounds; }
  void setWeight(TenantId tenant, double weight) { lines_.setWeight(tenant, weight); }

  // Queued if there is no refusal; then call `next`.
  //
  // The expected wait is the number of those ahead in the function's own line, divided by the rate at which waiters
  // were lately admitted from it while some waited (AdmissionRate), so at most ten seconds for each. A function without
  // such history is taken to get its fair share of its tenant's rate, and a tenant without history its share of the
  // rate of all; with no history at all, where nobody was admitted for half a minute, and for the first in a line,
  // nobody is refused for a deadline. The estimate assumes that the next seconds are like the last ten in which the
  // line moved: that those who wait need as much room and stay as long as those before them, and that as many tenants
  // and functions compete. It knows nothing of how soon those who run will end; it is too long where many ahead give
  // up, and too short where the competition grows or the line stands still.
  [[nodiscard]] std::optional<Refusal> offer(const Waiter& waiter, TimePoint now);
  // What `offer` would answer.
  std::optional<Refusal> refusalOf(const Waiter& waiter, TimePoint now) const;

  // The next to be admitted, if there is one: it has left the queue and was charged. Call until there is none: after
  // each offer and removal, whenever room was freed, and at `nextDue`. Call `expire` first. `judge` does not call back.
  std::optional<Waited> next(TimePoint now, const Judge& judge);

  // An invocation has ended, or a limit was raised: what limits of its own held back of this function and tenant, and
  // some that wait for their share or for what is their tenant's, is asked again by the following `next`.
  void ended(TenantId tenant, FunctionId function);

  // Leaves (disconnect, cancel); its place is free at once. Nothing if it does not wait.
  std::optional<Waited> remove(Ticket ticket, TimePoint now);
  // Those whose deadline has come leave, the earliest deadline first.
  std::vector<Waited> expire(TimePoint now);
  // When to call `expire` and `next` though nothing happens. May lie in the past.
  std::optional<TimePoint> nextDue() const;

  const QueueBounds& bounds() const { return bounds_; }
  bool empty() const { return waiting_.empty(); }
  std::size_t size() const { return waiting_.size(); }
  std::size_t waitingOf(FunctionId function) const { return lines_.waitingOf(function); }
  std::size_t waitingOf(TenantId tenant) const { return lines_.waitingOf(tenant); }
  // What was last said of the head of its line.
  std::optional<Verdict> waitsFor(FunctionId function) const;
  ByteSize waitingMemory() const { return memory_; }
  std::optional<BlockedHead> blockedHead(TimePoint now) const;

  // What would become of such a request now. Found by admitting from a copy until it is its turn, so it takes as long
  // as that: milliseconds for thousands of waiters. Under a lock, better copy the queue and ask the copy outside.
  Explanation explain(const Waiter& request, TimePoint now) const;

  // The number may be used for another afterwards. Nobody may wait there.
  void forget(FunctionId function);
  void forget(TenantId tenant);

 private:
  struct Record {
    Waiter waiter;
    WaitingLines::Place place;
    std::optional<Verdict> waited_for;
    // Kept when limits of its own held it in between, so that they do not renew what it must bear.
    std::optional<TimePoint> blocked_since;
    std::size_t overtaken = 0;
    std::optional<TimePoint> behind_own_since;  // no room is left of what its tenant may have
  };

  std::optional<RefusedBy> fullFor(const Waiter& waiter) const;
  std::optional<Duration> expectedWait(TenantId tenant, FunctionId function, TimePoint now) const;
  std::optional<double> rateOf(TenantId tenant, FunctionId function, TimePoint now) const;
  void enqueue(const Waiter& waiter, TimePoint now);
  std::optional<Waited> search(TimePoint now, const Judge& judge);
  WaitingLines::Reply ask(Record& record, TimePoint now, const Judge& judge);
  WaitingLines::Reply setAside(Record& record, const Judgement& said, TimePoint now);
  std::optional<Waited> askBlocked(TimePoint now, const Judge& judge);
  bool mayBeOvertaken(const Record& record, TimePoint now) const;
  Waited admit(Ticket ticket, TimePoint now);
  Waited takeOut(Ticket ticket, TimePoint now);
  std::size_t aheadOf(Waiter request, TimePoint now) const;

  QueueBounds bounds_;
  WaitingLines lines_;
  std::unordered_map<Ticket, Record> waiting_;
  std::set<std::pair<TimePoint, Ticket>> deadlines_;
  std::optional<Ticket> blocked_;
  TimePoint searched_{};
  ByteSize memory_;
  AdmissionRate rate_;
  std::vector<AdmissionRate> tenant_rates_;    // by number
  std::vector<AdmissionRate> function_rates_;  // by number
};

}  // namespace wasabi::policy
