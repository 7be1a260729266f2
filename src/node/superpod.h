// One superpod: its directory, its sandbox, its box.
//
//   kStarting --the box is ready--> kReady --drain()--> kDraining --nothing runs there any more--> kGone
//       |                             |                     |
//       +--- cannot start, or died ---+---------------------+--> kGone
//
// While it is ready it is a target at the desk. Versions are hosted one by one: their files are put into the directory
// by the work thread, then the box is told, then the desk.
//
// Lives on the control loop; so do all calls to its owner.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "base/work_thread.h"
#include "http/client.h"
#include "http/event_loop.h"
#include "node/box_admin.h"
#include "node/dispatch_desk.h"
#include "node/egress_doors.h"
#include "node/usage_meter.h"
#include "platform/superpod_catalog.h"
#include "policy/ids.h"
#include "policy/memory_book.h"
#include "policy/placement.h"
#include "sandbox/backend.h"

namespace wasabi::node {

struct SuperpodSettings {
  std::string directory;    // of all superpods; each has one of its own in it
  std::string runtime;      // likewise, for sockets and secrets; paths of sockets are short
  std::string program;      // wasabi-box
  std::string verify_key;   // file
  std::string fingerprint;  // of the engine
  ByteSize memory{1ull << 30};
  double cores = 1;
  std::uint32_t workers = 1;
  policy::BookingMode booking;
  Duration start_timeout = std::chrono::seconds(30);
  Duration drain_timeout = std::chrono::seconds(60);
  Duration patience = std::chrono::seconds(5);          // for an answer of a box
  Duration longest_silence = std::chrono::seconds(30);  // of a box that was ready: then it is killed
  std::function<void(std::string_view line)> log_line;  // what boxes say; on any thread
};

class Superpod;

class SuperpodOwner {
 public:
  virtual ~SuperpodOwner() = default;
  virtual void superpodReady(Superpod& superpod) = 0;
  // `placed`: it serves the version, or why it does not.
  virtual void hosted(Superpod& superpod, policy::VersionId version, Result<void> placed) = 0;
  // Its share of the processors, against the other tenants'.
  virtual double cpuWeightOf(const std::string& tenant) const = 0;
  // Since it was told last.
  virtual void tenantsUsed(const std::vector<TenantUse>& used) = 0;
  // The last call; destroy it soon, and not inside of this. `why` says how it ended, and nothing if it was meant to.
  virtual void superpodGone(Superpod& superpod, const std::optional<std::string>& why) = 0;
};

class Superpod {
 public:
  struct Services {
    http::EventLoop& loop;
    http::Client& admin;  // with a unixConnector
    DispatchDesk& desk;
    EgressDoors& egress;
    sandbox::Backend& backend;
    WorkThread& work;
    const platform::Blobs& blobs;
    platform::SuperpodCatalog::GetSecret get_secret;
    const SuperpodSettings& settings;
  };
  enum class State : std::uint8_t { kStarting, kReady, kDraining, kGone };
  enum class Hosting : std::uint8_t { kComing, kServed };
  struct Hosted {
    Hosting state = Hosting::kComing;
    platform::VersionName name;
    platform::SuperpodShare share;
  };

  // Begins to start.
  Superpod(std::uint32_t number, policy::TargetId target, const Services& services, SuperpodOwner& owner);
  // Its box is killed, if it runs.
  ~Superpod();
  Superpod(const Superpod&) = delete;
  Superpod& operator=(const Superpod&) = delete;

  std::uint32_t number() const { return number_; }
  policy::TargetId target() const { return target_; }
  std::optional<TimePoint> readyAt() const { return ready_at_; }  // it was a target from then on
  const std::string& name() const { return name_; }
  State state() const { return state_; }
  TimePoint since() const { return since_; }  // it is in this state
  pid_t pid() const;                          // 0 while it has none

  // Again with another share: the box is told of it.
  void host(policy::VersionId number, platform::VersionPtr version, const platform::SuperpodShare& share);
  void unhost(policy::VersionId number);
  const std::map<policy::VersionId, Hosted>& versions() const { return versions_; }
  bool serves(policy::VersionId version) const;
  // The box was told of them last, and has not answered.
  const std::vector<policy::VersionId>& untaken() const { return reloading_; }

  // The box is told of the weights of those it hosts, where they are others than it was told.
  void configure();

  void drain();
  // Without waiting for anybody.
  void kill();

  // Asks the box; what it told last is in load(), and how many cores it used between the last two answers.
  void askLoad();
  const BoxLoad& load() const { return load_; }
  double coresUsed() const { return cores_used_; }
  TimePoint lastBusy() const { return last_busy_; }  // when it had invocations, as far as it told
  BoxAdmin& admin() { return admin_; }

  // What it was made for; empty: for anybody.
  std::optional<policy::TenantId> dedicated_to;
  std::optional<policy::VersionId> quarantine_of;
  bool busy = false;  // policy::stillBusy

 private:
  struct Shared;  // with the work thread
  void startOnWorkThread();
  void started(Result<void> made);
  void askUntilReady(TimePoint give_up);
  void becomeReady();
  void placed(policy::VersionId version, Result<void> put);
  void reloadSoon();
  void reloaded(const Result<std::vector<ManifestProblem>>& problems);
  void removeLeaving();
  void notHosted(policy::VersionId version, Result<void> why);
  void take(BoxLoad load);
  void watchDrain();
  void askALastTime();
  void giveUp(std::string fault);
  void ended(const sandbox::Exit& exit);
  void gone(std::optional<std::string> why);
  void enter(State next);
  std::optional<std::string> newConfig();
  void configured(const Result<void>& written);

  const std::uint32_t number_;
  const policy::TargetId target_;
  const std::string name_;
  const Services services_;
  SuperpodOwner& owner_;
  const std::string directory_;
  const std::string runtime_;
  State state_ = State::kStarting;
  TimePoint since_;
  bool is_target_ = false;
  std::optional<TimePoint> ready_at_;
  bool meant_to_end_ = false;
  std::optional<std::string> fault_;  // for which it was given up
  BoxAdmin admin_;
  http::Timer timer_;
  http::Timer leaving_timer_;
  std::shared_ptr<Shared> shared_;
  std::map<policy::VersionId, Hosted> versions_;
  struct Leaving {
    platform::VersionName name;
    TimePoint until;  // at the latest
  };
  std::map<policy::VersionId, Leaving> leaving_;  // not hosted any more, and requests may still be on their way there
  std::vector<policy::VersionId> to_reload_;      // on disk, and the box does not know yet
  std::vector<policy::VersionId> reloading_;
  std::optional<std::map<std::string, double>> told_weights_;  // on their way to the disk, or there
  bool reload_wanted_ = false;
  bool reload_runs_ = false;
  UsageMeter usage_;
  BoxLoad load_;
  TimePoint load_at_{};
  double cores_used_ = 0;
  TimePoint last_busy_;
  std::shared_ptr<bool> alive_;  // for what comes back from other threads
};

}  // namespace wasabi::node
