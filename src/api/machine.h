// What the API has to know of the machine that runs: who runs it implements this.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/function_name.h"
#include "base/unique_function.h"
#include "base/units.h"
#include "platform/version.h"

namespace wasabi::api {

struct MachineStatus {
  struct OfSuperpod {
    std::string name;
    std::string state;
    std::string made_for;
    double age_seconds = 0;  // in that state
    std::int64_t pid = 0;
    std::uint64_t versions = 0;
    ByteSize capacity;
    ByteSize booked;
    std::uint64_t invocations = 0;
    double cores_used = 0;
  };
  // The containers of one version.
  struct OfContainers {
    struct Replica {
      std::string name;
      std::string state;
      double age_seconds = 0;  // in that state
      std::int64_t pid = 0;
      std::uint64_t running = 0;
      double cores_used = 0;
      ByteSize memory;  // in use
      ByteSize peak;
    };
    platform::VersionName version;
    std::string image;  // "sha256:..."
    std::string state;  // "serving", "starting", "crash loop", "no room", "idle"
    std::vector<Replica> replicas;
    std::uint64_t desired = 0;
    std::string scale_reason;
    std::string scaled_by = "requests";  // or "cpu": which of the two wants so many
    std::uint64_t started = 0;
    std::uint64_t died = 0;
    std::string last_end;         // of one that nobody had told to end; empty for none
    double last_end_seconds = 0;  // ago
    std::uint64_t ends_in_a_row = 0;
  };
  struct OfFunction {
    FunctionName name;
    std::uint64_t requests = 0;  // since the start, as all counters here
    std::uint64_t refused = 0;
    std::uint64_t failed = 0;
    double seconds = 0;  // of all of them together
    std::uint64_t running = 0;
    std::uint64_t waiting = 0;
    std::uint64_t superpods = 0;  // or containers
  };
  struct OfTenant {
    std::string name;
    ByteSize booked;                 // for what runs
    std::optional<ByteSize> memory;  // its quota
    std::uint64_t running = 0;
    std::uint64_t waiting = 0;
  };
  std::string backend;  // "process"
  double up_seconds = 0;
  std::vector<std::string> addresses;
  std::string containers_by;  // "runc"; or why there are none
  std::vector<OfSuperpod> superpods;
  std::vector<OfContainers> containers;
  ByteSize room;                      // of the machine, for superpods and containers
  ByteSize room_taken;                // by what they may have
  std::vector<OfFunction> functions;  // those that were called
  std::vector<OfTenant> tenants;      // of those
  std::uint64_t superpods_started = 0;
  std::uint64_t superpods_died = 0;
  std::uint64_t superpods_desired = 0;
  std::string scale_reason;
};

struct LogQuery {
  FunctionName function;
  std::int64_t since_ms = 0;
  std::string request;  // empty: of any
  std::optional<std::uint32_t> version;
  std::size_t limit = 1'000;
};

// Calls come from the API's loop. `take` is called once, on that loop, later or at once.
class Machine {
 public:
  virtual ~Machine() = default;
  virtual void status(UniqueFunction<void(MachineStatus)> take) = 0;
  // Prometheus text.
  virtual void metrics(UniqueFunction<void(std::string)> take) = 0;
  // What a request to the version would meet now, as JSON.
  virtual void why(const platform::VersionName& version, UniqueFunction<void(Result<std::string>)> take) = 0;
  // The last lines of the function's log, oldest first, each a JSON object without newline; its "id" is larger than
  // those before it.
  virtual std::vector<std::string> logs(const LogQuery& query) = 0;
  // Calls `line` on the API's loop for every new line of the function, until what is returned is destroyed.
  virtual std::shared_ptr<void> follow(const FunctionName& function, UniqueFunction<void(std::string_view)> line) = 0;
  // Where people reach it: "http://127.0.0.1:8080/acme/hello/".
  virtual std::string urlOf(const FunctionName& function, std::optional<std::uint32_t> version) = 0;
  virtual void secretsChanged(const std::string& tenant) = 0;
};

}  // namespace wasabi::api
