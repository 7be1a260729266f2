// The way of a new version from what somebody handed in to being ready for traffic:
//
//   deploy() --> recorded, building --> compiled --> checked, where its manifest asks for that --> ready, or failed
//                                   +-> its image unpacked, its first container ready --^
//   deployFrom() --> pulled from a registry --> as deploy()
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
#include "deploy/container_host.h"
#include "deploy/files_upload.h"
#include "deploy/image_store.h"
#include "deploy/image_upload.h"
#include "deploy/job_queue.h"
#include "deploy/module_puller.h"
#include "deploy/stage_log.h"
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

struct DeployLimits {
  PullLimits pull;
  FilesLimits files;
  JobLimits images{2, 64, std::chrono::minutes(30)};  // pulls and unpackings
  ByteSize image_archive{8ull << 30};                 // as it comes, packed or not
};

// What a deployer works with. All outlive it, and no `done` of theirs comes after its end.
struct DeployServices {
  platform::Platform& platform;
  Compiler& compiler;
  Probe& probe;
  ImageStore& images;
  ContainerHost& containers;
  FetchModule fetch;
  std::function<TimePoint()> now;
  Logger& log;
};

// Thread-safe.
class Deployer {
 public:
  Deployer(DeployServices services, const DeployLimits& limits);
  ~Deployer();

  // Blocks on the disk, not on compiler and check. What it refuses is what Platform::deploy refuses. How many bytes
  // module and files have is looked up, whatever the deployment says.
  Result<platform::Deployed> deploy(platform::Deployment deployment);
  // The same with the module or, where the manifest names one, the image of a registry, fetched first by a thread of
  // the deployer: `accepted` runs there once, or on the caller's thread before this returns where it is refused at
  // once. The deployment's module and image are not looked at, and its source becomes the reference, pinned. kNotFound:
  // no such tenant, or nothing there; else see oci/registry_client.h.
  // Where a failure came about: what is damaged (kCorrupt) came so from the registry, or lies so on the disk here.
  enum class Where : std::uint8_t { kRegistry, kHere };
  using Accepted = UniqueFunction<void(Result<platform::Deployed>, Where)>;
  void deployFrom(Remote remote, platform::Deployment deployment, Accepted accepted);
  // Files of functions, to be named by their digest in a deployment.
  Result<FilesUpload> uploadFiles() const { return FilesUpload::begin(services_.platform.blobs(), limits_.files); }
  // An archive of an image, likewise.
  Result<ImageUpload> uploadImage() const;
  // kConflict if it has not failed.
  Result<void> retry(const platform::VersionName& version);
  // At the start: all that is building goes on.
  void resume();
  // Pulls end, and are told so; it is over when this returns. What was being built goes on at the next start. Before
  // compiler, containers or probe go.
  void stop();

  // Nothing for what was not built since the start.
  std::optional<Progress> progressOf(const platform::VersionName& version) const { return stages_.of(version); }
  // What is being built: it must not be collected.
  platform::Leases leases() const;

 private:
  void pullImage(Remote remote, platform::Deployment deployment, Accepted accepted);
  void begin(const platform::VersionPtr& version);
  void beginContainer(const platform::VersionPtr& version);
  Result<void> checkImage(const platform::Deployment& deployment) const;
  void compiled(const platform::VersionPtr& version, const Result<void>& result);
  void check(const platform::VersionPtr& version);
  void finish(const platform::VersionPtr& version, const Result<void>& result);
  bool isCompiled(const platform::Digest& module) const;
  Result<void> measure(platform::Deployment& deployment) const;

  DeployServices services_;
  const DeployLimits limits_;
  StageLog stages_;
  mutable std::mutex mutex_;
  std::set<platform::VersionName> building_;
  bool stopping_ = false;
  ModulePuller puller_;  // with the next one last: what they call is there until they are gone
  JobQueue image_jobs_;
};

}  // namespace wasabi::deploy
