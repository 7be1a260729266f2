// What is told of container functions: by status, describe and why.
#pragma once

#include <string>
#include <vector>

#include "api/machine.h"
#include "node/container_fleet.h"

namespace wasabi::serve {

// "serving", "starting", "crash loop", "no room", "idle".
std::string_view stateOf(const node::PoolFigures& pool);
// What the containers of a version use now, as measured last.
struct ContainersUse {
  Cores cores;
  ByteSize memory;
  ByteSize largest_peak;  // of any one of them
};
ContainersUse useOf(const node::PoolFigures& pool);
api::MachineStatus::OfContainers statusOf(const node::ContainerFleetFigures::OfVersion& version, TimePoint now);

// What a request to a version of a container function would meet.
struct ContainerWhy {
  std::string answer;
  std::vector<std::string> because;
  std::vector<std::string> to_run;  // empty where nothing is in its way
};
ContainerWhy whyOf(const platform::Version& version, const std::optional<node::PoolFigures>& pool,
                   const policy::Dispatch::VersionFigures& desk, const node::ContainerFleetFigures& machine,
                   TimePoint now);

}  // namespace wasabi::serve
