// The containers of the machine: a pool for each version of a container function that is called, checked, or to be kept
// ready by its scale.
//
//   wanted(version) --> ContainerPool --> one starts --> the desk --> the request that waited goes
//   no room for it  --> the pool that was idle longest gives one up; where it is the room of its tenant that lacks, the
//                       one of that tenant
//   each second, what the containers used --> tenants' usage, and their pools' scale
//
// Lives on the control loop; wanted() and bringUp() alone are thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/container_pool.h"
#include "node/version_registry.h"
#include "platform/platform_snapshot.h"

namespace wasabi::node {

struct ContainerFleetFigures {
  struct OfVersion {
    platform::VersionName version;
    platform::Digest image;
    PoolFigures pool;
  };
  std::vector<OfVersion> versions;
  std::uint64_t started = 0;  // of all versions, gone ones too
  std::uint64_t died = 0;
  double cpu_seconds = 0;  // that they used, likewise
  ByteSize room;           // of the machine, for superpods and containers
  ByteSize taken;          // of it
};

class ContainerFleet {
 public:
  struct Services {
    http::EventLoop& loop;
    DispatchDesk& desk;
    VersionRegistry& registry;
    TargetNumbers& targets;
    MachineRoom& room;
    sandbox::ContainerRunner& runner;
    ContainerSockets& sockets;
    EgressDoors& egress;
    FindImage find_image;
    AskUntilReady ask_until_ready;
    platform::SuperpodCatalog::GetSecret get_secret;
    std::function<void(const platform::VersionName&, std::string_view line)> log_line;
    RefuseWaiting refuse;
    // What tenants' containers used since it was told last.
    std::function<void(const std::vector<TenantUse>&)> used;
    Logger& log;
  };
  // All services outlive this.
  ContainerFleet(PoolRules rules, Services services);
  // Kills what still runs; drain() first.
  ~ContainerFleet();

  // A request waits for it, and nobody serves it. Of Wasm functions nothing is done here.
  void wanted(policy::VersionId version);
  // A container is started, if none serves the version; `done` is called on the control loop.
  void bringUp(const platform::VersionName& version, UniqueFunction<void(Result<void>)> done);

  void use(platform::SnapshotPtr snapshot);
  // Secrets of the tenant have changed: containers with some of them are replaced.
  void secretsChanged(const std::string& tenant);
  ContainerFleetFigures figures() const;
  std::optional<PoolFigures> figuresOf(policy::VersionId version) const;
  // What must not be collected.
  std::vector<platform::VersionPtr> versionsInUse() const;
  // At the end: nothing new is started, and all containers go as soon as nothing runs on them.
  void drain();
  bool empty() const { return pools_.empty() && closing_.empty(); }

 private:
  using PoolPtr = std::unique_ptr<ContainerPool>;

  void look();
  void wakeUnserved();
  void measure();
  bool isOver(const ContainerPool& pool);
  void makeRoom();
  void makeRoomAmong(const std::function<bool(const ContainerPool&)>& concerned);
  ContainerPool* poolOf(policy::VersionId number);
  void close(policy::VersionId number);
  void tryOut(const platform::VersionName& version, ContainerPool::Ready done);
  void useScale(policy::VersionId number, const platform::FunctionRecord& function, const platform::Version& version);

  const PoolRules rules_;
  const Services services_;
  WorkThread ends_;
  WorkThread starts_;
  const ContainerReplica::Services for_replicas_;
  platform::SnapshotPtr snapshot_;
  TenantRooms tenants_;
  double cpu_seconds_ = 0;
  std::map<policy::VersionId, PoolPtr> pools_;
  std::vector<PoolPtr> closing_;
  std::uint32_t last_name_ = 0;
  std::uint64_t started_before_ = 0;  // by pools that are gone
  std::uint64_t died_before_ = 0;
  http::Timer timer_;
  bool draining_ = false;
  std::shared_ptr<bool> alive_;  // for what comes back from other threads
};

}  // namespace wasabi::node
