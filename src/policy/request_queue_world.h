// A box around a RequestQueue, for its tests: memory that requests take and give back, limits of their own, a clock.
// After every event it checks what holds at any time; what is left to the tests is what holds over time.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "policy/request_queue.h"

namespace wasabi::policy {

struct WorldPlan {
  QueueBounds bounds;
  std::uint64_t memory = 10;
  std::uint32_t tenants = 3;
  std::uint32_t functions_of_each = 2;
  // Concurrency; 0: no limit.
  std::size_t function_limit = 0;
  std::size_t tenant_limit = 0;
};

struct Arrival {
  std::uint32_t function = 0;  // modulo the number of them
  std::uint64_t memory = 1;    // cut to what there is
  double cost = 1;
  Duration runs{};
  Duration patience{};
};

class World {
 public:
  explicit World(const WorldPlan& plan);

  // Nothing if it was refused.
  std::optional<Ticket> arrive(const Arrival& arrival);
  // The n-th of those who wait (modulo their number) goes away.
  void disconnect(std::size_t n);
  void putInDebt(std::uint32_t function, Duration how_long);
  // Ends invocations and serves timers up to there.
  void advance(Duration by);
  // Until nobody waits.
  void drain();

  TenantId tenantOf(std::uint32_t function) const { return {function % plan_.tenants}; }
  std::uint32_t functions() const { return plan_.tenants * plan_.functions_of_each; }

  RequestQueue queue;
  TimePoint now{std::chrono::seconds(1000)};

  // What was admitted, expired, refused or gone, in order.
  std::vector<std::string> history;
  std::map<Ticket, Waiter> waiting;
  std::map<Ticket, Duration> waited;  // of those who were admitted
  Duration longest_run{};
  Duration longest_block{};
  // Before each admission; out of turn: of a blocked head that nobody may overtake any more.
  std::function<void(const Waiter&, bool out_of_turn)> on_admission = [](const Waiter&, bool) {};
  // After each departure, for whatever reason.
  std::function<void()> on_departure = [] {};

 private:
  using LineKey = std::pair<TimePoint, Ticket>;
  struct Running {
    std::uint32_t function;
    std::uint64_t memory;
  };

  Judgement judge(const Waiter& head) const;
  void admitAll();
  void begin(const Waiter& waiter);
  void endOne();
  void leave(const Waiter& waiter, const char* how);
  void check();

  WorldPlan plan_;
  std::map<Ticket, Arrival> arrivals_;
  std::map<std::uint32_t, std::set<LineKey>> lines_;
  std::multimap<TimePoint, Running> running_;
  std::map<std::uint32_t, std::size_t> running_of_function_;
  std::map<std::uint32_t, std::size_t> running_of_tenant_;
  std::map<std::uint32_t, TimePoint> debts_;
  std::map<Ticket, std::size_t> overtaken_;
  std::uint64_t free_;
  Ticket last_ = 0;
};

}  // namespace wasabi::policy
