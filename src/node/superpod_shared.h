// What a superpod and the work thread share.
#pragma once

#include <memory>
#include <optional>

#include "node/superpod.h"

namespace wasabi::node {

// What the work thread uses; it may still be at it when the superpod is gone.
struct Superpod::Shared {
  std::optional<platform::SuperpodCatalog> catalog;  // of the work thread
  std::unique_ptr<sandbox::Sandbox> arriving;        // of the work thread, until it has posted that it is there
  std::unique_ptr<sandbox::Sandbox> sandbox;         // of the control loop, once it was handed over
};

}  // namespace wasabi::node
