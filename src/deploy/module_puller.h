// Modules from registries, brought into the data directory by a few threads of their own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/unique_function.h"
#include "base/units.h"
#include "oci/pull.h"
#include "oci/registry_options.h"
#include "platform/blobs.h"

namespace wasabi::deploy {

// Where a module lies that somebody else keeps.
struct Remote {
  std::string reference;                        // "oci://host/repository:tag"
  std::optional<oci::Credentials> credentials;  // of that registry; none: anonymous. Kept for the one pull only
};

struct PulledModule {
  platform::Digest digest;
  std::uint64_t bytes = 0;
  std::string source;  // the reference, pinned by the digest of what it led to
  Duration took{};
};

// Fetches what holds one module into a layout. Blocks; called by several threads at once.
using FetchModule =
    std::function<Result<oci::PulledWasm>(const oci::Reference& reference, const std::optional<oci::Credentials>&,
                                          const oci::ImageLayout& into, const oci::TransferControl& control)>;
// `options` without credentials: each pull has its own.
FetchModule fetchFromRegistries(oci::RegistryOptions options);

struct PullLimits {
  std::uint32_t threads = 2;
  std::size_t waiting = 64;                     // beyond those that run: kUnavailable
  Duration longest = std::chrono::minutes(10);  // of one pull once it runs: kTimeout
  ByteSize module{128ull << 20};
};

// Thread-safe. What was fetched and is no module of the data directory lies in incoming/ and goes with its pull.
class ModulePuller {
 public:
  using Done = UniqueFunction<void(Result<PulledModule>)>;

  // `blobs` outlives this.
  ModulePuller(const platform::Blobs& blobs, FetchModule fetch, PullLimits limits);
  ~ModulePuller();

  // `done` runs once: on a thread of this object, or on the caller's before this returns where it is refused at once.
  void pull(Remote remote, Done done);
  // Whatever waits or runs fails with kUnavailable, and has when this returns; so does what comes later. Within about
  // two seconds. Not from a `done`.
  void stop();

 private:
  struct Job {
    oci::Reference reference;
    std::optional<oci::Credentials> credentials;
    Done done;
  };
  struct Running {
    std::stop_source stop;
    TimePoint deadline;
    bool late = false;
  };

  void work();
  void watchDeadlines();
  void run(Job job);
  Result<PulledModule> fetch(const Job& job, const std::stop_token& stop) const;

  const platform::Blobs& blobs_;
  const FetchModule fetch_;
  const PullLimits limits_;
  std::mutex mutex_;
  std::condition_variable waiting_changed_;
  std::condition_variable running_changed_;
  std::deque<Job> waiting_;
  std::list<Running> running_;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace wasabi::deploy
