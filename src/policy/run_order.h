// Which runnable invocation gets the next slice: CPU quotas of functions, fair shares between tenants.
//
// Start-time fair queueing on two levels (Goyal, Vin, Cheng, "Start-time Fair Queueing", 1996). Every tenant, and
// within it every function, has a virtual time: the CPU time it was charged, over its weight. The tenant with the least
// goes first, within it the function with the least, within that the invocation that has been ready longest. Who was
// idle begins at the virtual time of whoever ran last, so that idle time is not saved up. Functions in debt of their
// quota (cpu_quota.h) stand aside until it is paid.
//
// A slice is charged twice: when it begins, with the length it is meant to have, so that two workers that ask one after
// the other do not both serve the same tenant; and when it ends, with the difference to what it really took.
//
//   add() --> ready, or aside while its function is in debt --> next() --> the worker runs it --> ran() --> add() ...
//                 |                                                  a new request: mayRunAtOnce(), ranAtOnce()
//                 +--> remove(): timeout, disconnect
//
// For one owner at a time; it has neither lock nor clock. `now` need not be monotonic to the last microsecond, since
// workers read their clocks before they ask.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/units.h"
#include "policy/cpu_quota.h"
#include "policy/ids.h"

namespace wasabi::policy {

// Who may run an invocation: any worker, or only the one that it belongs to.
enum class Where : std::uint8_t { kAnywhere, kAtHome };

// A first slice is usually short, and how short is known of its function; one that goes on takes what it gets.
enum class Which : std::uint8_t { kFirst, kLater };

class RunOrder {
 public:
  // Only those run before others whose first slices are usually no longer.
  static constexpr Duration kShortFirstSlice = std::chrono::microseconds(250);

  struct Task {
    void* invocation;  // the caller's, not looked at
    FunctionId function;
    std::uint32_t worker;  // its home
    Where where;
    Which which = Which::kLater;
  };
  struct Waiting : Task {
    std::uint64_t number;  // in the order in which all came
  };
  // Names a task from add() until next() returns it or remove() takes it out.
  using Ticket = std::list<Waiting>::iterator;

  // `slice` is what one slice is meant to take.
  explicit RunOrder(Duration slice);

  // Before the first use of an id, and whenever the settings change. `weight` > 0; no `cores`: no quota.
  void setTenant(TenantId tenant, std::uint32_t weight);
  void setFunction(FunctionId function, TenantId tenant, std::optional<double> cores, TimePoint now);

  Ticket add(const Task& task, TimePoint now);
  void remove(Ticket ticket);

  // The next one for this worker, taken out; nothing only if no ready one may run there. Among the invocations of a
  // function that one is preferred which is at home on the worker.
  std::optional<Task> next(std::uint32_t worker, TimePoint now);
  // After the slice that next() gave.
  void ran(FunctionId function, Which which, Duration cpu, TimePoint now);

  // Whether a new request of the function may have its first slice before those that wait: it is usually short, its
  // function is not in debt, its tenant is not ahead of a tenant that waits, and it is not ahead of another function of
  // its tenant that waits.
  bool mayRunAtOnce(FunctionId function, TimePoint now);
  // After such a slice.
  void ranAtOnce(FunctionId function, Duration cpu, TimePoint now);
  // What was done for the function outside of slices.
  void used(FunctionId function, Duration cpu, TimePoint now);

  // Those that next() would give to some worker.
  std::size_t ready() const { return ready_; }
  // Of these, those that any worker may run.
  std::size_t lendable() const { return lendable_; }
  // Those whose function is in debt.
  std::size_t aside() const { return aside_; }
  // How long the first slice of a new request of the function would have to wait for `workers` workers, if `more` of
  // the function came before it: the rounds that its line needs, each as long as the share of its function makes it.
  Duration expectedDelay(FunctionId function, std::size_t more, std::uint32_t workers) const;
  // The same by the function's quota: until its debt is paid and what its line needs has been refilled. Zero without a
  // quota.
  Duration expectedRefill(FunctionId function, std::size_t more, TimePoint now) const;
  // When the first function that stands aside has paid its debt.
  std::optional<TimePoint> firstPaidAt() const;
  // When the function has paid its debt; nothing if it is in none.
  std::optional<TimePoint> paidAt(FunctionId function, TimePoint now) const;

 private:
  using VirtualTime = double;  // nanoseconds over weight: exact to a nanosecond for a hundred days of CPU time

  // The tasks of one home, ready longest first.
  struct Home {
    std::list<Waiting> at_home;
    std::list<Waiting> anywhere;
  };
  struct Function {
    TenantId tenant;
    VirtualTime time = 0;
    std::optional<CpuQuota> quota;
    std::vector<Home> homes;            // by number of the worker
    std::size_t tasks = 0;              // of all homes
    std::size_t new_tasks = 0;          // of these, those before their first slice
    std::optional<double> first_slice;  // what they took lately, in nanoseconds; older ones count ever less
    bool is_ready = false;              // in its tenant's order
    std::optional<TimePoint> aside_until;
  };
  struct Tenant {
    std::uint32_t weight = 1;
    VirtualTime time = 0;
    VirtualTime now = 0;                                    // where its functions begin
    std::set<std::pair<VirtualTime, std::uint32_t>> ready;  // functions
  };

  Function& at(FunctionId function) { return functions_[function.value]; }
  Tenant& at(TenantId tenant) { return tenants_[tenant.value]; }
  static std::list<Waiting>& lineOf(Function& function, const Task& task);
  void countReady(const Task& task);
  void countUnready(const Task& task);
  double workOfLine(const Function& function, std::size_t more) const;
  void bringToDate(FunctionId function);
  void charge(FunctionId function, double nanoseconds);
  void noteFirstSlice(FunctionId function, Duration cpu);
  bool putAsideIfInDebt(FunctionId function, TimePoint now);
  void makeReady(FunctionId function);
  void makeUnready(FunctionId function);
  void comeBack(TimePoint now);
  static std::optional<Ticket> taskFor(Function& function, std::uint32_t worker);
  Task take(FunctionId function, Ticket ticket);

  const double slice_;  // nanoseconds
  std::vector<Function> functions_;
  std::vector<Tenant> tenants_;
  VirtualTime now_ = 0;                                           // where tenants begin
  std::set<std::pair<VirtualTime, std::uint32_t>> in_order_;      // tenants with ready functions
  std::set<std::pair<TimePoint, std::uint32_t>> standing_aside_;  // functions
  std::uint64_t weight_in_order_ = 0;
  std::uint64_t last_number_ = 0;
  std::size_t ready_ = 0;
  std::size_t lendable_ = 0;
  std::vector<std::size_t> ready_at_;  // by number of their homes
  std::size_t aside_ = 0;
};

}  // namespace wasabi::policy
