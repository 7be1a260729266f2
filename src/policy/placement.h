// Which superpod a request goes to.
//
// May it go there? It is ready, of the right pool, has room (memory that is booked and expected fits into the
// capacity), has not just turned such a need away, its CPU backlog is within the bound, and it hosts the version or may
// host one more. Pools: a dedicated tenant's superpods are for this tenant only, all others are shared; a quarantined
// version runs on a superpod of its own, and nothing else there.
//
// Of those where it may go:
//   1. A calm one before a busy one. A superpod is busy from `busy` (85 %) of its memory or CPU, whichever is fuller,
//      until it is below `calm` (70 %) again. Between the marks it stays what it was: so requests do not go to and fro
//      at one mark, which would load each program in both places.
//   2. Where the program is loaded, then where its version is hosted, then where it would have to be hosted first.
//   3. Of calm ones the fullest (best fit), of busy ones the emptiest; of equals the lowest number.
// Best fit leaves the emptier ones to run dry, so the autoscaler can give them up; the mark keeps it from piling
// everything on one until its latency suffers; and once all are busy the load is levelled. Best fit is what Kubernetes
// calls MostAllocated (GKE: optimize-utilization), taken for its density; a mark with a lower way back is a Schmitt
// trigger. Borg (Verma et al. 2015, 3.2) names the price of pure best fit, that bursts find no slack: hence the mark.
// Rule 2 holds versions where they are, also on a superpod that could run dry: moving them is left to drainCandidate
// (drain_candidate.h), once fewer superpods are wanted.
//
// Nobody waits while some superpod may take the request. CPU is not booked: what a request wants of it only counts in
// how full a superpod would be.
//
// Called for every request: one pass over the superpods, no allocation (explain() allocates). Without clock, thread or
// lock; the same inputs lead to the same answer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "policy/ids.h"

namespace wasabi::policy {

struct PlacementRules {
  double busy = 0.85;  // parts of the capacity; calm <= busy <= 1
  double calm = 0.70;
  Duration most_backlog = std::chrono::milliseconds(50);
  std::uint32_t most_versions = 10'000;  // on one superpod
};

enum class SuperpodState : std::uint8_t { kStarting, kReady, kDraining };

// A superpod as the caller sees it: as it told last, and what was sent there since.
struct SuperpodView {
  SuperpodState state = SuperpodState::kStarting;
  bool busy = false;                       // see stillBusy()
  std::optional<TenantId> dedicated_to;    // nothing: shared
  std::optional<VersionId> quarantine_of;  // it is there for this version alone
  ByteSize capacity{};                     // memory that may be booked
  ByteSize booked{};
  Cores cores{};  // above 0, else it counts as full
  Cores cores_used{};
  Duration backlog{};          // by which the first slice of a new request would be delayed
  std::uint32_t versions = 0;  // it hosts
  // It turned a need of so much memory away (0: whatever the need): what needs as much is not sent there before then.
  ByteSize turned_away{};
  TimePoint turned_away_until{};
};

// Whether the superpod is busy from now on, by what it was (`view.busy`) and how full it is. The caller asks this
// whenever the figures change, and keeps the answer in the view.
bool stillBusy(const PlacementRules& rules, const SuperpodView& view);

enum class Presence : std::uint8_t { kAbsent, kHosted, kLoaded };

// A version on one superpod.
struct VersionOn {
  Presence presence = Presence::kAbsent;
  TimePoint turned_away_until{};  // for limits of the function's own; others find room
};

struct PlacementNeed {
  TenantId tenant;
  VersionId version;
  bool dedicated = false;    // the tenant has superpods of its own
  bool quarantined = false;  // the version has one of its own
  ByteSize memory{};         // expected
  Cores cores{};             // expected
  // Superpods that may host the function; nothing: any number.
  std::optional<std::uint32_t> most_superpods;
  // The version, by number of the superpod; absent on those beyond its end.
  std::span<const VersionOn> on;
};

// One more superpod of the need's pool.
struct OneMore {
  bool allowed = false;
  ByteSize capacity{};
};

// What is in the way of a superpod, or why another one is better.
enum class NotThere : std::uint8_t {
  kNothing,  // it is the one
  kStarting,
  kDraining,
  kOtherPool,        // dedicated to another tenant, or shared though the tenant is dedicated, or the other way round
  kOtherQuarantine,  // it is there for another version
  kNotItsOwn,        // the version is in quarantine, and this is not its superpod
  kTooSmall,         // even if it were empty
  kTooManyVersions,
  kFunctionMax,  // so many superpods host the function as may
  kTurnedAway,
  kVersionTurnedAway,
  kNoMemory,
  kBacklog,
  // It may go there, but the one chosen is
  kBusy,          // calm
  kFurtherAway,   // one that has the program loaded, or hosts the version already
  kEmptier,       // fuller, and both are calm
  kFuller,        // emptier, and both are busy
  kHigherNumber,  // the same, with a lower number
};

struct Placement {
  enum class Kind : std::uint8_t {
    kGoes,
    kWaits,
    kStartOne,  // it waits, and one more superpod would help
    kNever,     // it fits nowhere: to be refused
  };
  enum class Reason : std::uint8_t {
    // kGoes
    kLoaded,
    kHosted,
    kNew,      // the version is to be hosted there first
    kAllBusy,  // who may take it: the emptiest of them
    // kWaits, kStartOne
    kStarting,     // for one that is being started
    kNoSuperpod,   // there is none for it
    kNoRoom,       // all that there are are full
    kFunctionMax,  // those that host the function are full, and no other may host it
    // kNever
    kTooLarge,
  };
  Kind kind = Kind::kWaits;
  Reason reason = Reason::kNoSuperpod;
  std::size_t superpod = 0;               // of kGoes
  Presence presence = Presence::kAbsent;  // of the version there
};
std::string_view toString(Placement::Kind kind);      // "goes", "start_one"
std::string_view toString(Placement::Reason reason);  // "loaded", "no_room"
std::string_view explain(Placement::Reason reason);   // for people
std::string_view toString(NotThere why);              // "draining", "no_memory"

// Superpods are numbered by their place in `superpods`.
Placement place(const PlacementRules& rules, std::span<const SuperpodView> superpods, const PlacementNeed& need,
                const OneMore& one_more, TimePoint now);

// One more superpod for a version that too few of them host: as place(), of those that do not host it yet. With a need
// of no memory it may be a full one.
Placement hostOnOneMore(const PlacementRules& rules, std::span<const SuperpodView> superpods, const PlacementNeed& need,
                        const OneMore& one_more, TimePoint now);

// What place() saw: for each superpod, by number, why it was not the one.
struct PlacementLine {
  NotThere why = NotThere::kNothing;
  std::string words;
};
std::vector<PlacementLine> explain(const PlacementRules& rules, std::span<const SuperpodView> superpods,
                                   const PlacementNeed& need, TimePoint now);

}  // namespace wasabi::policy
