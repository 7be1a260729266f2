// Which functions of a catalog still have to be made ready for the box, in which order and when again after a failure.
// Without clock, thread or I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/function_name.h"
#include "base/units.h"
#include "policy/restart_backoff.h"

namespace wasabi::companion {

// Tells one state of a function in the catalog from every other.
using Revision = std::uint64_t;

struct Job {
  FunctionName name;
  Revision revision = 0;
  bool operator==(const Job&) const = default;
};

enum class Outcome : std::uint8_t {
  kReady,
  kFailed,    // and may go through next time: a registry that does not answer
  kHopeless,  // as it stands: no module, refused credentials. Tried again all the same, for what it needs may come
};

class WorkList {
 public:
  // `at_once`: jobs that may be under way.
  explicit WorkList(std::size_t at_once) : at_once_(at_once) {}

  // What the catalog holds from now on. Returns what it held before and no longer does.
  std::vector<FunctionName> setWanted(const std::map<FunctionName, Revision>& wanted);

  // Begins a job, if one is due and there is room for it: those never tried first, then those whose turn came earliest.
  // A function has one job at a time.
  std::optional<Job> next(TimePoint now);
  // The job is over. True where the outcome is kReady and the function still is as it was begun.
  bool finished(const Job& job, Outcome outcome, TimePoint now);

  // When next() will have a job without anything else happening; nothing: not at all.
  std::optional<TimePoint> nextDue() const;
  // When the function is tried again.
  std::optional<TimePoint> againAt(const FunctionName& name) const;

  // Everything wanted is ready, or was found hopeless.
  bool isSettled() const;
  std::size_t underWay() const { return under_way_; }

 private:
  struct Function {
    Revision wanted = 0;
    bool is_wanted = false;  // else it is kept for the job that is under way
    bool is_running = false;
    Revision running = 0;
    enum class State : std::uint8_t { kNew, kReady, kFailed, kHopeless } state = State::kNew;
    policy::RestartBackoff backoff;
  };

  bool isOpen(const Function& function) const;

  std::size_t at_once_;
  std::size_t under_way_ = 0;
  std::map<FunctionName, Function> functions_;
};

}  // namespace wasabi::companion
