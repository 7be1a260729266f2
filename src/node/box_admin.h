// Asks a box at its admin listener (docs/box.md, "Endpoints").
//
// Lives on its loop. Every question is answered once, within the patience, unless the BoxAdmin is destroyed before.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_function.h"
#include "base/units.h"
#include "http/asker.h"
#include "http/client.h"
#include "http/event_loop.h"
#include "node/usage_meter.h"

namespace wasabi::node {

// As /-/load tells it.
struct BoxLoad {
  bool ready = false;
  ByteSize capacity;
  double capacity_cores = 0;
  ByteSize booked;
  double cpu_seconds = 0;  // in all
  double booked_byte_seconds = 0;
  std::uint64_t requests = 0;  // in all
  std::uint64_t invocations = 0;
  std::uint64_t programs_loaded = 0;
  std::vector<TenantUse> tenants;  // in all
};

struct ManifestProblem {
  std::string file;
  std::string reason;
};

class BoxAdmin {
 public:
  static constexpr std::size_t kMostAnswerBytes = 4 << 20;

  // `client` has a unixConnector, and outlives this; `socket` is the path of the admin listener.
  BoxAdmin(http::EventLoop& loop, http::Client& client, std::string socket, Duration patience);

  void load(UniqueFunction<void(Result<BoxLoad>)> take);
  // The box reads its catalog; what it refused of it.
  void reload(UniqueFunction<void(Result<std::vector<ManifestProblem>>)> take);
  // What /-/why says of "acme/hello@3", as JSON.
  void why(const std::string& version, UniqueFunction<void(Result<std::string>)> take);

 private:
  using TakeText = UniqueFunction<void(Result<std::string>)>;
  void ask(const std::string& method, const std::string& target, TakeText take);

  const std::string socket_;
  http::Asker asker_;
};

}  // namespace wasabi::node
