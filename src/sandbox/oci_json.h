// Parts of an OCI config that superpods and containers share. Private to this layer.
#pragma once

#include <nlohmann/json.hpp>

#include "sandbox/backend.h"

namespace wasabi::sandbox {

// /proc, and a /dev in memory.
nlohmann::json basicMounts();
// Of their own for each; the network and users are for the caller to judge.
nlohmann::json basicNamespaces();
nlohmann::json resourcesOf(const Walls& walls);
nlohmann::json maskedPaths();
nlohmann::json readonlyPaths();

}  // namespace wasabi::sandbox
