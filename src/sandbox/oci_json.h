// Parts of an OCI config that superpods and containers share. Private to this layer.
#pragma once

#include <nlohmann/json.hpp>

#include "sandbox/backend.h"

namespace wasabi::sandbox {

nlohmann::json resourcesOf(const Walls& walls);
nlohmann::json maskedPaths();
nlohmann::json readonlyPaths();

}  // namespace wasabi::sandbox
