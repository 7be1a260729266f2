// Whether a request runs now, waits, or is refused: memory, concurrency, CPU backlog and the queue, put together.
//
//   arrive() --> run now          nobody is ahead, and all that it needs is there
//            --> wait ----------> next() --> run    its turn came and all that it needs is there
//                     +---------> expire()          no time is left to run in
//                     +---------> cancel()          disconnect, cancel
//            --> refused          with a reason, and when to try again
//   run ... ended()               gives back what was booked; then next() is asked until it answers nothing
//
// Everything is said by `forEachObstacle` (admission.cc), for requests that come, for those that wait, and for
// explain(): there is no second copy of the rules.
//
// Without clock, thread or lock; the same calls lead to the same answers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/units.h"
#include "policy/demand_history.h"
#include "policy/ids.h"
#include "policy/memory_book.h"
#include "policy/request_queue.h"
#include "policy/tenant_shares.h"

namespace wasabi::policy {

// What the workers' CPU means for a new request of a function.
struct CpuOutlook {
  bool backlogged = false;                    // its first slice would come later than the bound
  std::optional<TimePoint> over_quota_until;  // that long its function's quota would keep it from one
};
using CpuView = std::function<CpuOutlook(FunctionId, TimePoint)>;

struct FunctionTerms {
  TenantId tenant;
  ByteSize memory;  // declared
  std::uint32_t concurrency = 1;
};

class Admission {
 public:
  struct Settings {
    ByteSize capacity;
    BookingMode mode;
    std::uint64_t most_running;  // invocations, of all functions
    QueueBounds queue;
    double kept_for_others = 0;  // of memory and of places for invocations; as TenantShares::setKept
  };
  // `cpu` is asked inside of arrive(), next() and explain().
  Admission(const Settings& settings, CpuView cpu);

  void setSettings(const Settings& settings);
  // A tenant has functions deployed, with these terms.
  struct TenantTerms {
    TenantId tenant;
    std::uint32_t weight = 1;
    std::optional<std::uint32_t> concurrency;
  };
  void setTenant(const TenantTerms& terms);
  // These are all that have. Of the others nothing is kept but what still runs or waits.
  void setTenants(const std::vector<TenantTerms>& all);
  // A function has its first terms before anything is asked of it. `other_code`: what was seen of it says nothing any
  // more.
  enum class Code : std::uint8_t { kSame, kOther };
  void setFunction(FunctionId function, const FunctionTerms& terms, Code code);

  struct Request {
    Ticket ticket;  // as RequestQueue wants it
    FunctionId function;
    TimePoint arrival;
    TimePoint deadline;
  };
  struct Answer {
    enum class Kind : std::uint8_t { kRuns, kWaits, kRefused } kind = Kind::kRuns;
    // Of one that waits or is refused.
    std::optional<Verdict> because;
    std::optional<Refusal> refusal;  // nothing in a refusal: its limit is above the capacity, it can never run here
  };
  Answer arrive(const Request& request, TimePoint now);

  // Those that have no time left to run in: they wait no more. Ask before next().
  std::vector<Waited> expire(TimePoint now) { return queue_.expire(now); }
  // One that waited and is to run now. Ask until there is none.
  std::optional<Waited> next(TimePoint now);
  // It waits no more; nothing if it did not.
  std::optional<Waited> cancel(Ticket ticket, TimePoint now) { return queue_.remove(ticket, now); }
  // An invocation has ended which ran since `since`, with this peak of memory.
  void ended(FunctionId function, ByteSize peak, DemandHistory::Seen seen, TimePoint since, TimePoint now);

  // Memory that the process holds besides instances; how much risk is taken now.
  void setUnbooked(ByteSize held) { book_.setUnbooked(held); }
  void setMode(BookingMode mode) { book_.setMode(mode); }

  // What was seen of a function; null while nothing was.
  const DemandHistory* history(FunctionId function) const { return functions_[function.value].history.get(); }
  // In place of what was seen of it: what an earlier process has seen of the same code.
  void restore(FunctionId function, const DemandHistory& history);

  // What of a tenant runs and waits now.
  struct TenantUse {
    TenantId tenant;
    std::uint32_t running = 0;
    ByteSize limits;  // of those that run, as declared: what is booked for one cannot be told apart from the others
    std::size_t waiting = 0;
  };
  struct Explained {
    Answer answer;                     // what a request would get now
    std::vector<Judgement> obstacles;  // all that is in its way itself; the first is the one that is told
    bool admitted_by_next = false;     // of one that waits: it may overtake who is ahead, and so waits for nothing
    Explanation queue;
    Duration left_to_run{};  // of its time, which it may not wait
    MemoryBook::Offer memory;
    TenantShares::Bounds share_of_memory;  // of what may be booked
    TenantShares::Bounds share_of_places;  // of `most_running`
    BookingMode mode;
    ByteSize capacity;
    ByteSize unbooked;
    ByteSize booked;
    std::optional<DemandEstimate> estimate;
    std::uint32_t observations = 0;  // of the function's peaks, whether or not they suffice for an estimate
    CpuOutlook cpu;
    FunctionTerms terms;
    std::uint32_t running = 0;  // of the function
    std::uint32_t running_of_tenant = 0;
    std::optional<std::uint32_t> tenant_concurrency;
    std::uint64_t running_in_all = 0;
    std::uint64_t most_running = 0;
    QueueBounds bounds;
    std::vector<TenantUse> tenants;  // those of which anything runs or waits
  };
  // What explain() needs, as it is at one moment. To ask the queue takes as long as it is: with a lock around all this,
  // take the snapshot under it and explain outside.
  class Snapshot {
   public:
    Explained explain() &&;

   private:
    friend class Admission;
    Explained told_;
    Waiter waiter_;
    RequestQueue queue_;
    TimePoint now_;
  };
  Snapshot snapshotFor(const Request& request, TimePoint now) const;
  Explained explain(const Request& request, TimePoint now) const { return snapshotFor(request, now).explain(); }

  double weightOf(TenantId tenant) const { return shares_.weightOf(tenant); }
  const MemoryBook& book() const { return book_; }
  const RequestQueue& queue() const { return queue_; }
  std::uint64_t running() const { return running_; }
  std::uint32_t runningOf(FunctionId function) const { return functions_[function.value].running; }

 private:
  struct Function {
    FunctionTerms terms;
    std::uint32_t running = 0;
    double usual_seconds = 0;  // from admission to end, decayed
    std::unique_ptr<DemandHistory> history;
  };
  struct Tenant {
    std::optional<std::uint32_t> concurrency;
    std::uint32_t running = 0;
  };

  // Calls `found` with all that keeps the function from running one more, until it answers false; `memory` is the
  // book's offer to it.
  template <typename Found>
  void forEachObstacle(FunctionId function, const MemoryBook::Offer& memory, TimePoint now, Found found) const;
  bool leavesEnough(TenantId tenant, const MemoryBook::Offer& memory) const;
  Judgement judge(FunctionId function, const MemoryBook::Offer& memory, TimePoint now) const;
  Answer answerTo(const Request& request, TimePoint now) const;
  void run(FunctionId function);
  bool wouldBeNext(const Waiter& waiter, TimePoint now) const;
  std::vector<TenantUse> tenantUses() const;
  Waiter waiterFor(const Request& request, const MemoryBook::Offer& memory) const;

  RequestQueue queue_;
  MemoryBook book_;
  TenantShares shares_;
  const CpuView cpu_;
  std::uint64_t most_running_;
  std::uint64_t running_ = 0;
  std::vector<Function> functions_;  // by number
  std::vector<Tenant> tenants_;      // by number
};

}  // namespace wasabi::policy
