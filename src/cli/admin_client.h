// Asks a running box by its admin listener (docs/box.md, "Admin socket"). Blocking, one question a connection.
#pragma once

#include <cstdint>
#include <string>

#include "base/admin_address.h"
#include "base/error.h"
#include "base/units.h"

namespace wasabi::cli {

// Where to ask: `wanted` if it says anything; else the box that serves at the usual address, else the only one that
// answers in the usual folder. kConflict, naming them, where there are several.
Result<std::string> adminAddress(const std::string& wanted, const AdminPlaces& places);

struct AdminReply {
  std::uint16_t status = 0;
  std::string body;
};

// GET of `target` at "unix:/path" or "host:port"; `patience` for each step of it.
Result<AdminReply> askAdmin(const std::string& address, const std::string& target, Duration patience);

}  // namespace wasabi::cli
