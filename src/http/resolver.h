// Names to addresses, by the system's resolver on a few threads of its own, shared by the loops of a process.
//
// getaddrinfo() blocks, for as long as a name server chooses to. So lookups are bounded in number, and one partition
// (tenant) may keep only some of the threads busy: slow names of one tenant leave the others' names resolving.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_function.h"
#include "http/address_policy.h"
#include "http/event_loop.h"

namespace wasabi::http {

struct ResolverLimits {
  std::size_t threads = 4;
  std::size_t max_running_per_partition = 2;
  std::size_t max_pending = 256;  // waiting and running, over all partitions
  std::size_t max_pending_per_partition = 64;
  std::size_t max_addresses = 16;  // of one name; the rest is ignored
};

using Addresses = std::vector<IpAddress>;

// One lookup under way. Destroying it cancels it: its callback is not called any more.
class Resolution {
 public:
  virtual ~Resolution() = default;
};

class Resolver {
 public:
  // Blocks until the answer is there; called on the resolver's threads.
  using Lookup = std::function<Result<Addresses>(const std::string& name)>;
  using Done = UniqueFunction<void(Result<Addresses>)>;

  // Starts the threads.
  explicit Resolver(const ResolverLimits& limits, Lookup lookup = systemLookup);
  // Does not wait for lookups that are running: nothing can interrupt them. Their threads end with them and touch
  // nothing of this object.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Thread-safe; `done` runs later on the loop, which outlives the Resolution. kExhausted when too many are pending.
  Result<std::unique_ptr<Resolution>> resolve(const std::string& name, const std::string& partition, EventLoop& loop,
                                              Done done);

  // getaddrinfo().
  static Result<Addresses> systemLookup(const std::string& name);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace wasabi::http
