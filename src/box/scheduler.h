// Which invocation a worker runs next: policy::RunOrder, shared by all workers behind one lock.
//
// Every worker asks for the next slice when its I/O is served. It gets an invocation of its own if the order allows,
// else one of another worker's that may run anywhere, so that no worker idles while another has work to give away.
// Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "base/unique_function.h"
#include "base/units.h"
#include "policy/run_order.h"

namespace wasabi::box {

class Scheduler;

// An invocation as the scheduler knows it.
class Runnable {
 public:
  // Number of the worker that it belongs to.
  std::uint32_t home() const { return home_; }

 protected:
  Runnable(policy::FunctionId function, std::uint32_t home) : function_(function), home_(home) {}
  ~Runnable() = default;

 private:
  friend class Scheduler;

  const policy::FunctionId function_;
  const std::uint32_t home_;
  std::optional<policy::RunOrder::Ticket> ticket_;  // while it waits; under the scheduler's lock
};

class Scheduler {
 public:
  // `wake` is called, on any thread, with the number of a worker that waits and now has something to run.
  Scheduler(std::size_t workers, Duration slice, UniqueFunction<void(std::size_t)> wake);

  void setTenant(policy::TenantId tenant, std::uint32_t weight);
  void setFunction(policy::FunctionId function, policy::TenantId tenant, std::optional<double> cores, TimePoint now);

  // Whether a new request of the function may have its first slice now, before those that wait; then ranAtOnce()
  // follows.
  bool mayRunAtOnce(policy::FunctionId function, TimePoint now);
  void ranAtOnce(policy::FunctionId function, Duration cpu, TimePoint now);
  // What was done for the function outside of slices.
  void used(policy::FunctionId function, Duration cpu, TimePoint now);

  // From now on it may be run, if `where` says so by any worker.
  void add(Runnable& invocation, policy::Where where, policy::Which which, TimePoint now);
  // It shall not be run. False when that is too late: another worker runs it.
  bool withdraw(Runnable& invocation);

  struct Next {
    Runnable* invocation;                 // null: nothing for this worker
    std::optional<TimePoint> look_again;  // then: when a quota is filled up again
  };
  // What this worker is to run now. A worker that gets nothing counts as waiting; one that gets something wakes another
  // if there is more to give away.
  Next next(std::size_t worker, TimePoint now);
  // After the slice of an invocation that next() gave.
  void ran(const Runnable& invocation, policy::Which which, Duration cpu, TimePoint now);

  struct Outlook {
    Duration by_share{};  // its first slice comes in so long, as far as others are in the way
    Duration by_quota{};  // and as far as its function's quota is
  };
  // Of a new request of the function, if `more` others of it came before it.
  Outlook outlook(policy::FunctionId function, std::size_t more, TimePoint now);

  // Those that wait for a worker; lock-free.
  std::size_t ready() const { return ready_.load(std::memory_order_relaxed); }
  // Those whose function is in debt of its quota; lock-free.
  std::size_t aside() const { return aside_.load(std::memory_order_relaxed); }

 private:
  std::optional<std::size_t> takeHelper(std::size_t except);
  void noteReady() {
    ready_.store(order_.ready(), std::memory_order_relaxed);
    aside_.store(order_.aside(), std::memory_order_relaxed);
  }

  UniqueFunction<void(std::size_t)> wake_;
  std::mutex mutex_;
  policy::RunOrder order_;
  std::vector<bool> waiting_;  // workers
  std::atomic<std::size_t> ready_{0};
  std::atomic<std::size_t> aside_{0};
};

}  // namespace wasabi::box
