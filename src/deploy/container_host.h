// What runs the containers of new versions, for the deployer.
#pragma once

#include "base/error.h"
#include "base/unique_function.h"
#include "platform/version.h"

namespace wasabi::deploy {

// Thread-safe.
class ContainerHost {
 public:
  virtual ~ContainerHost() = default;
  // The error says what is missing, and the mend.
  virtual Result<void> available() const = 0;
  // Starts a container of the version, if none serves it. `done` runs once, on any thread: it is ready, or why not.
  virtual void bringUp(const platform::VersionName& version, UniqueFunction<void(Result<void>)> done) = 0;
};

}  // namespace wasabi::deploy
