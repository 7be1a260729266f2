// One container of a version: its start, its life as a target at the desk, its end.
//
//   kStarting --ready--> kReady --drain()--> kDraining --nothing runs there any more--> asked to end --> kGone
//       |                  |                    |
//       +-- cannot start, not ready in time, or died ------------------------------------------------> kGone
//
// Lives on the control loop; so do all calls to its owner.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/units.h"
#include "base/work_thread.h"
#include "http/event_loop.h"
#include "node/container_image.h"
#include "node/container_meter.h"
#include "node/container_sockets.h"
#include "node/dispatch_desk.h"
#include "node/egress_doors.h"
#include "node/usage_meter.h"
#include "platform/superpod_catalog.h"
#include "policy/ids.h"
#include "sandbox/container_runner.h"

namespace wasabi::node {

// Asks the container until it may get requests, then calls `ready` on the control loop; given up when what is returned
// is destroyed, also from inside of `ready`.
using AskUntilReady = std::function<std::shared_ptr<void>(
    const std::string& container, const catalog::ContainerSettings& settings, UniqueFunction<void()> ready)>;

class ContainerReplica;

struct ReplicaEnd {
  bool meant = false;        // it was told to end
  bool not_in_time = false;  // it was not ready within its start timeout
  std::string why;
};

class ReplicaOwner {
 public:
  virtual ~ReplicaOwner() = default;
  virtual void replicaReady(ContainerReplica& replica) = 0;
  // The last call; destroy it soon, and not inside of this.
  virtual void replicaGone(ContainerReplica& replica, const ReplicaEnd& end) = 0;
};

class ContainerReplica {
 public:
  struct Services {
    http::EventLoop& loop;
    DispatchDesk& desk;
    sandbox::ContainerRunner& runner;
    WorkThread& starts;
    WorkThread& ends;  // of containers, which take longer; it outlives the other one
    ContainerSockets& sockets;
    EgressDoors& egress;
    FindImage find_image;
    AskUntilReady ask_until_ready;
    platform::SuperpodCatalog::GetSecret get_secret;
    // What a container says, on any thread.
    std::function<void(const platform::VersionName&, std::string_view line)> log_line;
    // What a container used since this was told last.
    std::function<void(const TenantUse&)> used;
    Duration patience;  // from being asked to end until it is killed
  };
  enum class State : std::uint8_t { kStarting, kReady, kDraining, kGone };

  // Begins to start. `services` outlive it.
  ContainerReplica(std::uint32_t name_number, policy::VersionId number, policy::TargetId target,
                   platform::VersionPtr version, const Services& services, ReplicaOwner& owner);
  // It is killed, if it runs.
  ~ContainerReplica();
  ContainerReplica(const ContainerReplica&) = delete;
  ContainerReplica& operator=(const ContainerReplica&) = delete;

  const std::string& name() const { return name_; }
  policy::TargetId target() const { return target_; }
  State state() const { return state_; }
  TimePoint since() const { return since_; }                      // it is in this state
  std::optional<TimePoint> readyAt() const { return ready_at_; }  // it was a target from then on
  pid_t pid() const;                                              // 0 while it has none

  // Reads what it used, and tells that. Nothing where it does not run yet, or any more.
  void measure();
  // When that was done last, of one that runs.
  std::optional<TimePoint> measuredAt() const;
  const std::optional<ContainerMeter>& meter() const { return meter_; }  // nothing before its start
  // What it used lately. Its start does not count: it is no work for requests, of which others could take some.
  std::optional<Cores> coresServing() const;

  // No new requests; those that run finish, within the function's own timeout. The owner is told later, never inside.
  void drain();

  std::uint32_t generation = 0;  // the owner's

 private:
  struct Shared;  // with the threads of starts and ends
  void imageFound(Result<ContainerImage> image);
  void startOnWorkThread(ContainerImage image);
  void started(Result<void> made);
  void becomeReady();
  void notReadyInTime();
  void watchDrain();
  void askToEnd();
  void ended(const sandbox::Exit& exit);
  void goneSoon(std::string why);
  void account(const sandbox::GroupUse& use);
  std::string lastWords() const;
  void gone(ReplicaEnd end);
  void enter(State next);

  const policy::VersionId number_;
  const policy::TargetId target_;
  const platform::VersionPtr version_;
  const std::string name_;
  const Services& services_;
  ReplicaOwner& owner_;
  State state_ = State::kStarting;
  TimePoint since_;
  bool is_target_ = false;
  std::optional<TimePoint> ready_at_;
  bool meant_to_end_ = false;
  bool not_in_time_ = false;
  std::optional<ContainerMeter> meter_;
  http::Timer timer_;
  std::shared_ptr<void> asking_;
  std::shared_ptr<Shared> shared_;
  std::shared_ptr<bool> alive_;  // for what comes back from other threads
};

}  // namespace wasabi::node
