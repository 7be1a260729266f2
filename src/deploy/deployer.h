// The way of a new version from what somebody handed in to being ready for traffic:
//
//   deploy() --> recorded, building --> compiled --> checked, where its manifest asks for that --> ready, or failed
//
// Each step is on disk before the next begins; after a restart resume() goes on with what was building. A version that
// is like the one before it is not made anew; one that failed is tried again.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "base/log.h"
#include "base/unique_function.h"
#include "catalog/platform_settings.h"
#include "deploy/compiler.h"
#include "platform/platform.h"

namespace wasabi::deploy {

// Sends a new version the request that it has to answer before it gets traffic. Thread-safe.
class Probe {
 public:
  virtual ~Probe() = default;
  // `done` runs once, on any thread.
  virtual void check(const platform::VersionName& version, const catalog::Check& check,
                     UniqueFunction<void(Result<void>)> done) = 0;
};

// Thread-safe.
class Deployer {
 public:
  // All outlive this, and no `done` of theirs comes after its end.
  Deployer(platform::Platform& platform, Compiler& compiler, Probe& probe, Logger& log);
  ~Deployer();

  // Blocks on the disk, not on compiler and check. What it refuses is what Platform::deploy refuses.
  Result<platform::Deployed> deploy(const platform::Deployment& deployment);
  // kConflict if it has not failed.
  Result<void> retry(const platform::VersionName& version);
  // At the start: all that is building goes on.
  void resume();

  // What is being built: it must not be collected.
  platform::Leases leases() const;

 private:
  void begin(const platform::VersionPtr& version);
  void compiled(const platform::VersionPtr& version, const Result<void>& result);
  void finish(const platform::VersionPtr& version, const Result<void>& result);
  bool isCompiled(const platform::Digest& module) const;

  platform::Platform& platform_;
  Compiler& compiler_;
  Probe& probe_;
  Logger& log_;
  mutable std::mutex mutex_;
  std::set<platform::VersionName> building_;
};

}  // namespace wasabi::deploy
