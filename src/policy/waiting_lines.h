// Who waits, and in which order they are to be asked: fair between tenants by weight, then between the functions of a
// tenant, then oldest first. Part of RequestQueue.
//
// A function or tenant whose own limits are in the way is set aside, out of the order, until it is woken or a given
// time: so asking in order never walks over those who cannot run. It is owed nothing for that time, as if it had
// wanted nothing. What it was set aside for may also be room that anybody can make, or any function of its tenant. A
// tenant may have a function whose turn comes before that of its others, whatever they are owed. A value: copies are
// independent, and the same calls lead to the same order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "base/units.h"
#include "policy/fair_clock.h"
#include "policy/ids.h"

namespace wasabi::policy {

class WaitingLines {
 public:
  // Of a waiter in its function's line: by arrival, then in the order of coming here.
  using Place = std::pair<TimePoint, std::uint64_t>;
  // What becomes of those who were asked.
  enum class Answer : std::uint8_t { kTaken, kNext, kSetFunctionAside, kSetTenantAside, kStop };
  // Of one that is set aside.
  enum class AsideFor : std::uint8_t {
    kOwn,         // woken by its name
    kRoom,        // wakeForRoom() wakes it too
    kTenantRoom,  // wakeForRoomOf() its tenant wakes it too
  };
  struct Aside {
    TimePoint until{};
    AsideFor what = AsideFor::kOwn;
  };
  struct Reply {
    Answer answer;
    Aside aside{};
  };

  // From now on; what was charged stays. > 0.
  void setWeight(TenantId tenant, double weight);

  Place add(TenantId tenant, FunctionId function, TimePoint arrival, std::uint64_t ticket);
  void remove(FunctionId function, Place place);
  // Charges function and tenant for one in the function's line that is about to leave it.
  void charge(FunctionId function, double cost);

  // Asks the head of each line in order, until one answers kTaken or kStop. `ask(ticket) -> Reply` changes nothing
  // here.
  template <typename Ask>
  void askInOrder(Ask&& ask);

  // No line and no waiter is lost by this: they come back at `until` at the latest.
  void setAside(FunctionId function, const Aside& aside);
  void setAside(TenantId tenant, const Aside& aside);
  void wake(FunctionId function);
  void wake(TenantId tenant);
  void wakeDue(TimePoint now);
  // Of those that were set aside for room, so many at most: those that come back first anyhow.
  void wakeForRoom(std::size_t most);
  void wakeForRoomOf(TenantId tenant, std::size_t most);
  // While it is in the order, it is asked before all other functions of its tenant; one at a time.
  void putFirst(FunctionId function) { tenants_[functions_[function.value].tenant.value].first = function; }
  // No more, if it was.
  void putBack(FunctionId function);
  std::optional<TimePoint> nextWake() const;

  std::size_t waitingOf(FunctionId function) const;
  std::size_t waitingOf(TenantId tenant) const;
  // The oldest waiter of a function.
  std::optional<std::uint64_t> headOf(FunctionId function) const;

  // The part that is a function's of what its tenant gets, and a tenant's of all, among those in the order and itself.
  double shareOf(TenantId tenant, FunctionId function) const;
  double shareOf(TenantId tenant) const;

  // Its number may be used for another afterwards. Nobody may wait there.
  void forget(FunctionId function);
  void forget(TenantId tenant);

 private:
  // A place in an order: smallest tag first, then first come.
  using Rank = std::tuple<FairClock::Tag, std::uint64_t, std::uint32_t>;
  struct Member {
    FairClock::Tag tag = 0;
    std::uint64_t came = 0;
    std::optional<Aside> aside;
    bool listed = false;
  };
  struct Function : Member {
    TenantId tenant;
    std::map<Place, std::uint64_t> line;
  };
  struct Tenant : Member {
    double weight = 1;
    std::size_t waiting = 0;
    FairClock clock;
    std::set<Rank> order;
    std::optional<FunctionId> first;
    std::set<std::pair<TimePoint, FunctionId>> for_room;  // of its own functions, set aside for what is the tenant's
  };
  // A function (true) or tenant set aside, by the time it comes back.
  using Due = std::tuple<TimePoint, bool, std::uint32_t>;

  Function& functionAt(FunctionId id);
  Tenant& tenantAt(TenantId id);
  template <typename Ask>
  Answer askOne(TenantId tenant, FunctionId function, Ask& ask);
  void remember(const Aside& aside, bool is_function, std::uint32_t id);
  bool forgetAside(Member& member, bool is_function, std::uint32_t id);
  void wake(const Due& due);
  void leaveTenant(FunctionId function);
  void list(FunctionId id);
  void list(TenantId id);
  static Rank rankOf(const Member& member, std::uint32_t id) { return {member.tag, member.came, id}; }
  void serve(std::set<Rank>& order, FairClock& clock, Member& member, std::uint32_t id, double cost, double weight);

  std::vector<Function> functions_;  // by number
  std::vector<Tenant> tenants_;      // by number
  FairClock clock_;
  std::set<Rank> order_;
  std::set<Due> due_;
  std::set<Due> for_room_;  // of these
  double listed_weight_ = 0;
  std::uint64_t sequence_ = 0;
};

// What is to become of the others of its tenant, and of all, is in what is returned.
template <typename Ask>
WaitingLines::Answer WaitingLines::askOne(TenantId tenant, FunctionId function, Ask& ask) {
  const Reply reply = ask(functions_[function.value].line.begin()->second);
  if (reply.answer == Answer::kSetFunctionAside) setAside(function, reply.aside);
  if (reply.answer == Answer::kSetTenantAside) setAside(tenant, reply.aside);
  return reply.answer;
}

template <typename Ask>
void WaitingLines::askInOrder(Ask&& ask) {
  const auto ends_all = [](Answer answer) { return answer == Answer::kTaken || answer == Answer::kStop; };
  for (auto t = order_.begin(); t != order_.end();) {
    const TenantId tenant{std::get<2>(*t++)};
    std::optional<FunctionId> asked;
    if (const auto first = tenants_[tenant.value].first; first && functions_[first->value].listed) {
      const Answer answer = askOne(tenant, *first, ask);
      if (ends_all(answer)) return;
      if (answer == Answer::kSetTenantAside) continue;
      asked = first;
    }
    std::set<Rank>& order = tenants_[tenant.value].order;
    for (auto f = order.begin(); f != order.end();) {
      const FunctionId function{std::get<2>(*f++)};
      if (function == asked) continue;
      const Answer answer = askOne(tenant, function, ask);
      if (ends_all(answer)) return;
      if (answer == Answer::kSetTenantAside) break;
    }
  }
}

}  // namespace wasabi::policy
