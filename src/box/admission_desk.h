// Which requests run: policy::Admission, shared by all workers behind one lock.
//
// A request that has to wait is known here by its worker and token; when its turn comes, whoever made room tells its
// worker (`call`). Each request that was admitted, at once or by a call, ends with ended(); each that waits and does
// not want to any more, or is told that it is too late for it, leaves by cancel(). Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/unique_function.h"
#include "base/units.h"
#include "box/load_integral.h"
#include "box/outcome.h"
#include "box/scheduler.h"
#include "policy/admission.h"

namespace wasabi::box {

// What became of a request that waited.
struct AdmissionCall {
  enum class Kind : std::uint8_t {
    kRuns,
    kTooLate,  // no time is left to run in: it has to cancel()
  };
  Kind kind;
  std::size_t worker;
  std::uint64_t token;  // of the worker's
  policy::FunctionId function;
  Reason waited_for;
};

class AdmissionDesk {
 public:
  struct Settings {
    policy::Admission::Settings admission;
    Duration cpu_backlog;  // when the first slice of a request would come later than this, it waits
  };
  // `call` is called on any thread, outside the lock. The scheduler outlives the desk.
  AdmissionDesk(const Settings& settings, Scheduler& scheduler, UniqueFunction<void(AdmissionCall)> call);

  void setSettings(const Settings& settings);
  // All that have functions deployed. The desk owns these terms, and tells the scheduler what it needs of them.
  void setTenants(const std::vector<policy::Admission::TenantTerms>& all);
  double weightOf(policy::TenantId tenant);
  void setFunction(policy::FunctionId function, const policy::FunctionTerms& terms, policy::Admission::Code code);

  // Memory that the process holds besides instances; how much risk is taken now.
  void setUnbooked(ByteSize held);
  void setMode(policy::BookingMode mode, TimePoint now);

  struct Request {
    std::size_t worker;
    std::uint64_t token;
    policy::FunctionId function;
    TimePoint arrival;
    TimePoint deadline;
    enum class IfNoRoom : std::uint8_t {
      kWait,
      kGoElsewhere,  // what would have to wait is refused, with what for as the obstacle, and leaves nothing here
    } if_no_room = IfNoRoom::kWait;
  };
  struct Answer {
    enum class Kind : std::uint8_t { kRuns, kWaits, kRefused } kind = Kind::kRuns;
    Reason reason = Reason::kNone;                         // of one that waits or is refused
    std::optional<std::chrono::seconds> retry_after = {};  // of one that is refused
    Reason obstacle = Reason::kNone;                       // of one that is refused: what it would have waited for
    policy::Ticket ticket = 0;                             // of one that waits, for cancel()
    ByteSize booked = {};                                  // of one that runs: by itself, without those beside it
  };
  Answer arrive(const Request& request, TimePoint now);

  // False when that is too late: it was called to run, and must end().
  bool cancel(policy::Ticket ticket, TimePoint now);
  // The worker has got the call of a request of the function to run.
  void answered(policy::FunctionId function);
  // What was admitted at `since` has ended, with this peak of memory.
  void ended(policy::FunctionId function, ByteSize peak, policy::DemandHistory::Seen seen, TimePoint since,
             TimePoint now);

  // Calls those whose turn it is. What other calls here do by themselves; workers call it now and then while somebody
  // waits, since CPU backlog and quotas change without anybody telling.
  void callNext(TimePoint now);
  // Lock-free.
  bool anyWaits() const { return waiting_.load(std::memory_order_relaxed) > 0; }

  // How many of each are admitted and have not ended.
  std::vector<std::uint32_t> runningOf(const std::vector<policy::FunctionId>& functions);

  // What was seen of functions; nothing where nothing was. Copies are taken some at a time, so that nobody waits long.
  std::vector<std::optional<policy::DemandHistory>> histories(const std::vector<policy::FunctionId>& functions);
  // As policy::Admission.
  void restore(policy::FunctionId function, const policy::DemandHistory& history);
  // How many ends were seen: while it is the same, so are the histories.
  std::uint64_t seen();

  struct Figures {
    policy::BookingMode mode;
    ByteSize capacity;
    ByteSize booked;
    ByteSize bookable;  // so much may be
    ByteSize unbooked;  // held besides, and not bookable
    ByteSize waiting;
    double booked_byte_seconds = 0;
    double waiting_byte_seconds = 0;
    std::size_t running = 0;
    std::size_t queued = 0;
  };
  Figures figures(TimePoint now);

  struct Explained {
    Answer answer;  // as arrive() would give it
    policy::Admission::Explained policy;
    Scheduler::Outlook first_slice;
    Duration cpu_backlog{};
  };
  // What a request with so much time would meet. Nobody waits for it longer than it takes to copy the queue.
  Explained explain(policy::FunctionId function, Duration patience, TimePoint now);

 private:
  struct Place {
    std::size_t worker;
    std::uint64_t token;
  };

  Scheduler::Outlook firstSlice(policy::FunctionId function, TimePoint now);
  policy::CpuOutlook outlook(policy::FunctionId function, TimePoint now);
  std::vector<AdmissionCall> takeNext(TimePoint now);
  AdmissionCall callOf(const policy::Waited& waited, AdmissionCall::Kind kind);
  template <typename Change>
  void changeAndCall(TimePoint now, Change change);
  void note(TimePoint now);

  Scheduler& scheduler_;
  UniqueFunction<void(AdmissionCall)> call_;
  std::mutex mutex_;
  Duration cpu_backlog_;
  policy::Admission admission_;
  policy::Ticket last_ticket_ = 0;
  std::unordered_map<policy::Ticket, Place> places_;  // of those who wait
  std::unordered_set<policy::Ticket> too_late_;       // called so, and not cancelled yet
  std::vector<std::uint32_t> called_;                 // not answered yet, by number of the function
  std::uint64_t seen_ = 0;
  LoadIntegral booked_;
  LoadIntegral wanted_;
  std::atomic<std::size_t> waiting_{0};
};

// What a request waits for, as it is told outside.
Reason reasonOfWait(std::optional<policy::Verdict> verdict);
Reason reasonOfRefusal(const policy::Admission::Answer& answer);

}  // namespace wasabi::box
