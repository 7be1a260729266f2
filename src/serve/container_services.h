// Where the parts meet that know nothing of each other: images of deploy, containers of node.
#pragma once

#include <optional>
#include <string>

#include "base/work_thread.h"
#include "deploy/container_host.h"
#include "deploy/image_store.h"
#include "node/container_fleet.h"

namespace wasabi::serve {

// Images are looked up by `work`, since a root that is missing is unpacked again. Both outlive what is returned.
node::FindImage findImagesIn(const deploy::ImageStore& images, WorkThread& work);

// The containers of a fleet, as the deployer wants them.
class FleetAsHost final : public deploy::ContainerHost {
 public:
  // `missing`: why this machine can run no containers; nothing where it can. `fleet` outlives this.
  FleetAsHost(node::ContainerFleet& fleet, std::optional<std::string> missing)
      : fleet_(fleet), missing_(std::move(missing)) {}

  Result<void> available() const override;
  void bringUp(const platform::VersionName& version, UniqueFunction<void(Result<void>)> done) override {
    fleet_.bringUp(version, std::move(done));
  }

 private:
  node::ContainerFleet& fleet_;
  const std::optional<std::string> missing_;
};

}  // namespace wasabi::serve
