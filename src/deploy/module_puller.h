// Modules from registries, brought into the data directory by a few threads of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "base/unique_function.h"
#include "base/units.h"
#include "deploy/job_queue.h"
#include "deploy/remote.h"
#include "oci/pull.h"
#include "oci/registry_options.h"
#include "platform/blobs.h"

namespace wasabi::deploy {

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
  JobLimits jobs;
  ByteSize module{128ull << 20};
};

// Thread-safe. What was fetched and is no module of the data directory lies in incoming/ and goes with its pull.
class ModulePuller {
 public:
  using Done = UniqueFunction<void(Result<PulledModule>)>;

  // `blobs` outlives this.
  ModulePuller(const platform::Blobs& blobs, FetchModule fetch, PullLimits limits);

  // `done` runs once: on a thread of this object, or on the caller's before this returns where it is refused at once.
  void pull(Remote remote, Done done);
  // Whatever waits or runs fails with kUnavailable, and has when this returns; so does what comes later. Within about
  // two seconds. Not from a `done`.
  void stop() { queue_.stop(); }

 private:
  Result<PulledModule> fetch(const oci::Reference& reference, const std::optional<oci::Credentials>& credentials,
                             const std::stop_token& stop) const;

  const platform::Blobs& blobs_;
  const FetchModule fetch_;
  const PullLimits limits_;
  JobQueue queue_;  // last: what its threads use is there until they have ended
};

}  // namespace wasabi::deploy
