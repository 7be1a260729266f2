// An image that is ready to be run: what the control loop asks whoever keeps images for.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_function.h"
#include "platform/version.h"

namespace wasabi::node {

struct ContainerImage {
  std::string root;  // absolute: its unpacked files, shared by all containers of it
  std::vector<std::string> entry_point;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  // "NAME=value"
  std::string working_directory;         // empty: "/"
  std::uint32_t user = 0;                // as the version or the image says
  std::uint32_t group = 0;
  std::vector<std::uint32_t> groups;
};

// `done` runs once, on any thread: at once or after the root was unpacked again.
using FindImage =
    std::function<void(const platform::VersionPtr& version, UniqueFunction<void(Result<ContainerImage>)> done)>;

}  // namespace wasabi::node
