// How many units a superpod's requests want, from what its box tells of itself (`GET /-/load`, docs/box.md).
//
// The box counts booked and waiting memory in unit-seconds since it began, so that two readings tell the average
// between them and no burst goes unseen. CPU counts where it is the scarcer side: the part of the pod's processors that
// was used, of the units that its memory has, and as much more for who waits as for who runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/units.h"

namespace wasabi::queueproxy {

// All finite and non-negative.
struct BoxReading {
  bool ready = false;
  double booked_unit_seconds = 0;  // of 200 MiB, since the box began
  double waiting_unit_seconds = 0;
  double cpu_seconds = 0;
  std::uint64_t requests = 0;
  double booked_units = 0;  // now
  double waiting_units = 0;
  ByteSize capacity_memory;
  double capacity_cpu = 0;  // cores
};

inline constexpr std::size_t kMostLoadBytes = 4 << 20;  // of an answer of /-/load
// kCorrupt for what is no such answer.
Result<BoxReading> parseBoxReading(std::string_view json);

// With those that wait in the queue-proxy's own queue, of which the box knows nothing: taken for as large as those that
// it has are on average, or for one unit each if it has none.
double unitsWithWaiting(double units, std::uint64_t in_the_box, std::uint64_t waiting);

// Not thread-safe.
class SuperpodDemand {
 public:
  // How long the last figure is told on when the box does not answer. Its pod is not ready by then, so that the
  // autoscaler asks it no more; to say zero in the meantime would take superpods away from those that need them most.
  static constexpr Duration kHeldFor = std::chrono::seconds(10);
  static constexpr double kMostUnits = 1e9;

  explicit SuperpodDemand(ByteSize memory_unit) : unit_(memory_unit) {}

  void answered(const BoxReading& reading, TimePoint now);
  void didNotAnswer();

  // Of the period between the last two answers; a multiple of 1/1024, finite and not negative. Nothing before the first
  // answer, and once the last one is older than kHeldFor: then the scraper is to get no answer either.
  std::optional<double> units(TimePoint now) const;
  // The box answered last time, and said it was ready.
  bool ready() const { return ready_; }

 private:
  struct Levels {
    double booked = 0;  // box's units
    double waiting = 0;
    double cores = 0;
  };
  Levels levelsSince(const BoxReading& reading, TimePoint now) const;

  ByteSize unit_;
  bool ready_ = false;
  std::optional<BoxReading> last_;
  TimePoint read_at_;
  double units_ = 0;
};

}  // namespace wasabi::queueproxy
