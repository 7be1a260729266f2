// The containers of one version: how many there are, and what becomes of one that dies.
//
//   requests that run and wait, processors that are used, each second
//                          --> policy::ContainerScaler --> ScaleControl --> so many are kept
//   somebody waits and there is none ---------------------------------> one is started at once
//   one died ----> policy::RestartBackoff: another one, at once or later; in a loop those who wait are told
//
// All decisions are policy's; this acts. Lives on the control loop.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "catalog/platform_settings.h"
#include "node/container_replica.h"
#include "node/machine_room.h"
#include "node/target_numbers.h"
#include "node/tenant_rooms.h"
#include "policy/container_scaler.h"
#include "policy/restart_backoff.h"
#include "policy/scale_control.h"

namespace wasabi::node {

struct PoolRules {
  Duration window = std::chrono::seconds(60);           // of the autoscaler: what happened before is forgotten
  Duration grace = std::chrono::seconds(30);            // without any load in the window, until the last one goes
  double utilization = 0.7;                             // of its concurrency, that a container is to have
  double most_target = 100;                             // requests at once, where its concurrency is larger
  Duration forgotten_after = std::chrono::minutes(10);  // the way its containers ended
  Duration patience = std::chrono::seconds(10);         // with one that was asked to end
  Duration measured_each = std::chrono::seconds(1);     // what a container uses
  std::size_t most_measured = 16;                       // in one look of the fleet, which is a turn of the control loop
};

// What there is no room in for one more container.
enum class RoomLack : std::uint8_t { kMachine, kTenant };

struct PoolFigures {
  struct OfContainer {
    std::string name;
    ContainerReplica::State state = ContainerReplica::State::kStarting;
    TimePoint since;
    pid_t pid = 0;
    std::uint32_t running = 0;  // requests
    Cores cores;                // used lately
    ByteSize memory;            // in use
    ByteSize peak;
  };
  std::vector<OfContainer> containers;
  std::uint32_t desired = 0;
  std::string scale_reason;
  policy::Metric scaled_by = policy::Metric::kRequests;
  std::uint64_t started = 0;
  std::uint64_t died = 0;
  std::optional<RoomLack> lacks;
  // How the last one ended that nobody had told to.
  struct End {
    TimePoint when;
    std::string why;
    std::uint32_t in_a_row = 0;
    TimePoint next_start;
  };
  std::optional<End> last_end;
};

class ContainerPool final : private ReplicaOwner {
 public:
  // All of it outlives the pool.
  struct Services {
    const ContainerReplica::Services& replica;
    TargetNumbers& targets;
    MachineRoom& room;
    TenantRooms& tenants;
    const RefuseWaiting& refuse;
    const PoolRules& rules;
    Logger& log;
    std::uint32_t& last_name;  // of containers: each has another number
  };
  using Ready = UniqueFunction<void(Result<void>)>;

  ContainerPool(policy::VersionId number, platform::VersionPtr version, const Services& services);
  // Kills what still runs.
  ~ContainerPool() override;

  const platform::Version& version() const { return *version_; }
  const platform::VersionPtr& versionPtr() const { return version_; }
  void setScale(const catalog::Scale& scale);
  // Somebody waits, and nobody serves it.
  void wanted();
  // One is to be started now if none serves it; `done` is told whether it became ready.
  void bringUp(Ready done);
  // Others in place of those that there are: what they were started with has changed.
  void replaceAll();
  // No more are started, and those that there are go as soon as nothing runs on them.
  void close();
  // Every 50 ms.
  void look();
  // Adds those of which nobody has seen since `before` what they use.
  void addUnmeasured(TimePoint before, std::vector<ContainerReplica*>& replicas);

  // It has not started one for want of that room, and serves nobody.
  bool waitsFor(RoomLack lack) const { return lacks_ == lack && ready() == 0; }
  // How long nobody has used one of its containers that could go; nothing: none could.
  std::optional<Duration> idleFor() const;
  // It has no more than it is left with until somebody wants it again.
  void giveUpOne();
  bool givesBackRoom() const;
  bool empty() const { return replicas_.empty() && gone_.empty() && closed_targets_.empty(); }
  // Nothing would be lost with it.
  bool over() const;
  PoolFigures figures() const;

 private:
  // ReplicaOwner
  void replicaReady(ContainerReplica& replica) override;
  void replicaGone(ContainerReplica& replica, const ReplicaEnd& end) override;

  void measure();
  void recordCpu();
  void decide();
  void keepDesired();
  bool startOne();
  std::optional<RoomLack> whatLacks() const;
  void giveUpTrialsWithoutRoom();
  void drainOne();
  void drainReplaced();
  void tellThoseWhoWait();
  void tellTrials(const Result<void>& result);
  void noteEnd(const ContainerReplica& replica, const ReplicaEnd& end);
  void buryDrained();
  std::uint32_t ready() const;
  std::uint32_t alive() const;  // starting or ready, and not to be replaced
  bool isPresent(const ContainerReplica& replica) const;
  std::string name() const;

  const policy::VersionId number_;
  const platform::VersionPtr version_;
  const Services services_;
  catalog::Scale scale_;
  policy::ContainerScaler scaler_;
  policy::ScaleControl scale_control_;
  policy::RestartBackoff backoff_;
  std::vector<std::unique_ptr<ContainerReplica>> replicas_;
  std::vector<std::unique_ptr<ContainerReplica>> gone_;  // until the next look
  std::vector<policy::TargetId> closed_targets_;         // numbers are free once they are drained
  std::vector<Ready> trials_;
  std::uint32_t desired_ = 0;
  std::optional<std::uint32_t> left_with_;  // for others' sake
  std::uint32_t generation_ = 0;
  bool closed_ = false;
  std::optional<RoomLack> lacks_;
  TimePoint lacks_since_{};
  TimePoint next_decision_{};
  TimePoint measured_since_;
  double load_sum_ = 0;  // of so many samples since then
  std::uint32_t samples_ = 0;
  TimePoint last_used_;
  PoolFigures counters_;
};

}  // namespace wasabi::node
