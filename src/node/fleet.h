// The superpods of the machine: how many there are, which versions each hosts, and what becomes of one that dies.
//
//   wanted(version) --> policy::place --> Superpod::host --> the desk --> the request that waited goes
//        |                  |
//        |                  +--> one more superpod; spares are kept started for that
//        +--> refused, where nothing will help: told to those that wait
//
//   every second: the boxes' loads --> policy::Autoscaler (memory, CPU: the larger) --> ScaleControl --> drain one
//
// All decisions are policy's; this acts. Lives on the control loop; wanted() alone is thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/log.h"
#include "node/machine_room.h"
#include "node/pool_scaling.h"
#include "node/superpod.h"
#include "node/target_numbers.h"
#include "node/version_registry.h"
#include "platform/platform_snapshot.h"
#include "policy/autoscaler.h"
#include "policy/placement.h"
#include "policy/quarantine.h"
#include "policy/scale_control.h"

namespace wasabi::node {

struct FleetSettings {
  SuperpodSettings superpod;
  std::uint32_t spares = 1;
  std::uint32_t most = 4;                            // superpods, spares included
  Duration idle_period = std::chrono::seconds(60);   // without load, until the last one is given up
  Duration version_idle = std::chrono::minutes(10);  // not called for so long: not hosted any more
  double utilization = 0.7;                          // of memory and cores, that a superpod is to have
  std::uint32_t most_attempts = 3;                   // to host a version that somebody waits for
};

struct FleetFigures {
  struct OfSuperpod {
    std::string name;
    Superpod::State state = Superpod::State::kStarting;
    TimePoint since;
    pid_t pid = 0;
    std::size_t versions = 0;
    ByteSize capacity;
    ByteSize booked;
    std::uint64_t invocations = 0;
    double cores_used = 0;
    std::string made_for;  // "spare", "shared", "dedicated", "quarantine"
  };
  std::vector<OfSuperpod> superpods;
  std::uint64_t started = 0;
  std::uint64_t died = 0;
  std::uint64_t drained = 0;
  std::uint32_t desired = 0;  // by the autoscaler, without spares
  std::string scale_reason;
};

class Fleet final : private SuperpodOwner {
 public:
  struct Services {
    http::EventLoop& loop;
    DispatchDesk& desk;
    VersionRegistry& registry;
    TargetNumbers& targets;
    MachineRoom& room;
    EgressDoors& egress;
    sandbox::Backend& backend;
    const platform::Blobs& blobs;
    platform::SuperpodCatalog::GetSecret get_secret;
    RefuseWaiting refuse;
    // What tenants used since it was called last, on the loop's thread.
    std::function<void(const std::vector<TenantUse>& used)> used;
    Logger& log;
  };
  // Begins to start the spares.
  Fleet(FleetSettings settings, Services services);
  // Kills what still runs; drain() first.
  ~Fleet() override;

  // Thread-safe. A request waits for it, and nobody serves it. Of container functions nothing is done here.
  void wanted(policy::VersionId version);
  void use(platform::SnapshotPtr snapshot);
  // Secrets of the tenant have changed: whoever finds one in its environment gets the new value.
  void placeAgain(const std::string& tenant);
  FleetFigures figures() const;
  std::set<platform::VersionName> hostedVersions() const;
  // What a box that serves the version says of it, as JSON; nothing where none does.
  void whyOfBox(policy::VersionId number, UniqueFunction<void(Result<std::optional<std::string>>)> take);
  // What would be done to have a version hosted, for people.
  std::string explainPlacement(policy::VersionId number);
  // At the end: nothing new is started, and all superpods go as soon as nothing runs on them.
  void drain();
  bool empty() const { return superpods_.empty(); }

 private:
  struct Tries {
    std::uint32_t attempts = 0;
    TimePoint not_before{};
  };
  using SuperpodPtr = std::unique_ptr<Superpod>;
  // Nothing: of all who are not apart.
  using Pool = std::optional<policy::TenantId>;
  // The superpods as policy sees them; numbers are places in `superpods_`.
  struct Views {
    std::vector<policy::SuperpodView> all;
    std::vector<policy::VersionOn> of_version;
  };
  enum class HowMany : std::uint8_t { kEnough, kOneMore };

  // SuperpodOwner
  void superpodReady(Superpod& superpod) override;
  void hosted(Superpod& superpod, policy::VersionId version, Result<void> placed) override;
  double cpuWeightOf(const std::string& tenant) const override;
  void tenantsUsed(const std::vector<TenantUse>& used) override { services_.used(used); }
  void superpodGone(Superpod& superpod, const std::optional<std::string>& why) override;

  void look();
  void hostWanted();
  void helpThoseWithoutRoom();
  void askLoads();
  void scale();
  void giveUpIdleVersions();
  void keepSpares();
  void hostSomewhere(policy::VersionId number, HowMany how_many);
  policy::Placement placementOf(policy::VersionId number, const VersionRegistry::Known& known, HowMany how_many);
  void giveUp(policy::VersionId number, const std::string& why);
  Views viewsFor(policy::VersionId number, const policy::PlacementNeed& need) const;
  policy::PlacementNeed needOf(policy::VersionId number, const VersionRegistry::Known& known);
  platform::SuperpodShare shareOf(const platform::Version& version, const Superpod& on) const;
  void levelShares();
  void restBeforeHolding(policy::VersionId number);
  void forgetOldDeaths();
  std::uint32_t hostsOfVersion(policy::VersionId number) const;
  void drainOne(const Pool& pool, const PoolScaling& scaling);
  bool isQuarantined(policy::VersionId version);
  bool isHosted(policy::VersionId number) const;
  bool isContainer(policy::VersionId number) const;
  bool isFree(const Superpod& superpod) const;
  bool isInUse(const Superpod& superpod) const;
  void noteWhoIsBusy();
  std::map<Pool, PoolScaling::Load> loads();
  std::uint32_t active(const Pool& pool) const;
  Superpod& start();
  bool mayStart() const;
  static Duration rest(std::uint32_t failures);
  void buryDrained();
  struct ClosedTarget {
    policy::TargetId id;
    bool died = false;
    std::vector<policy::VersionId> untaken;  // as it died
  };
  void blame(const ClosedTarget& target);

  const FleetSettings settings_;
  const Services services_;
  http::Client admin_;
  WorkThread work_;
  policy::PlacementRules rules_;
  platform::SnapshotPtr snapshot_;
  std::vector<SuperpodPtr> superpods_;
  std::map<policy::VersionId, Tries> wanted_;               // somebody waits
  std::map<policy::VersionId, TimePoint> last_used_;        // of all that were hosted
  std::map<policy::VersionId, std::uint64_t> began_;        // requests of theirs, when that was looked at last
  std::map<policy::VersionId, std::uint32_t> least_hosts_;  // by functions' scale
  std::map<policy::VersionId, Tries> held_;                 // of those, where that failed
  std::map<policy::VersionId, policy::Quarantine> quarantines_;
  std::vector<ClosedTarget> closed_targets_;  // free once they are drained
  std::uint32_t last_number_ = 0;
  std::map<Pool, PoolScaling> pools_;
  std::uint32_t missing_ = 0;        // that the load wants beside those that host
  std::uint32_t failed_starts_ = 0;  // in a row
  TimePoint start_not_before_{};
  TimePoint next_load_{};
  TimePoint next_scale_{};
  http::Timer timer_;
  bool draining_ = false;
  FleetFigures counters_;  // without the superpods
  std::shared_ptr<bool> alive_;
};

}  // namespace wasabi::node
