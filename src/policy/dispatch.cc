#include "policy/dispatch.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace wasabi::policy {
namespace {

// What a waiting request is charged for its memory; for how long it will run is not known here.
constexpr double kCostOfAByte = 1e-6;

// The queue keeps a line for each version.
constexpr FunctionId lineOf(VersionId version) {
  return {version.value};
}

template <typename Items>
auto& grown(Items& items, std::size_t index) {
  if (items.size() <= index) items.resize(index + 1);
  return items[index];
}

}  // namespace

void Dispatch::setTenant(TenantId tenant, const TenantTerms& terms) {
  grown(tenants_, tenant.value).terms = terms;
  queue_.setWeight(tenant, terms.weight);
}

void Dispatch::setFunction(FunctionId id, const FunctionTerms& terms) {
  WASABI_CHECK(terms.tenant.value < tenants_.size());
  Function& function = grown(functions_, id.value);
  WASABI_CHECK(function.running == 0 || function.terms.tenant == terms.tenant);
  function.terms = terms;
  wake(function);
}

void Dispatch::setVersion(VersionId id, const VersionTerms& terms) {
  WASABI_CHECK(terms.function.value < functions_.size());
  Version& version = grown(versions_, id.value);
  WASABI_CHECK(version.idle() || (version.terms.function == terms.function && version.terms.books == terms.books));
  version.terms = terms;
  std::vector<VersionId>& versions = functions_[terms.function.value].versions;
  if (std::find(versions.begin(), versions.end(), id) == versions.end()) versions.push_back(id);
}

void Dispatch::forgetVersion(VersionId id) {
  Version& version = versions_[id.value];
  WASABI_CHECK(version.idle());
  std::erase(functions_[version.terms.function.value].versions, id);
  queue_.forget(lineOf(id));
  version = Version{};
}

// ---- targets --------------------------------------------------------------------------------------------------------

Dispatch::Target& Dispatch::target(TargetId id) {
  WASABI_CHECK(id.value < targets_.size());
  return targets_[id.value];
}

const Dispatch::Target& Dispatch::target(TargetId id) const {
  WASABI_CHECK(id.value < targets_.size());
  return targets_[id.value];
}

void Dispatch::addTarget(TargetId id, const TargetTerms& terms) {
  Target& added = grown(targets_, id.value);
  WASABI_CHECK(!added.open && added.running == 0);
  added = Target{};
  added.terms = terms;
  added.open = true;
}

void Dispatch::closeTarget(TargetId id) {
  target(id).open = false;
  for (Version& version : versions_) std::erase(version.targets, id);
}

bool Dispatch::drained(TargetId id) const {
  return !target(id).open && target(id).running == 0;
}

void Dispatch::serves(TargetId id, VersionId version) {
  WASABI_CHECK(target(id).open);
  std::vector<TargetId>& targets = versions_[version.value].targets;
  const auto place = std::lower_bound(targets.begin(), targets.end(), id);
  if (place != targets.end() && *place == id) return;
  targets.insert(place, id);
  wake(functions_[versions_[version.value].terms.function.value]);
}

void Dispatch::servesNoMore(TargetId id, VersionId version) {
  std::erase(versions_[version.value].targets, id);
}

// What held back requests of the function is over: they are asked again.
void Dispatch::wake(const Function& function) {
  for (const VersionId version : function.versions) queue_.ended(function.terms.tenant, lineOf(version));
}

// ---- the rules ------------------------------------------------------------------------------------------------------

// Of one version's requests: a target with such a bound serves no other.
bool Dispatch::isAtItsMost(const Target& target) {
  return target.terms.most_running && target.running >= *target.terms.most_running;
}

bool Dispatch::hasRoom(const Target& target, VersionId version, TimePoint now) {
  if (isAtItsMost(target)) return false;
  if (target.full_until && now < *target.full_until) return false;
  const auto full = target.full_for.find(version.value);
  return full == target.full_for.end() || now >= full->second;
}

bool Dispatch::Tenant::hasRoomFor(ByteSize memory) const {
  if (!terms.memory) return true;
  return booked <= *terms.memory && memory.value <= terms.memory->value - booked.value;
}

Dispatch::Search Dispatch::choose(const Version& version, VersionId id, const Tenant& tenant, TimePoint now) const {
  // One on which something runs costs nothing more.
  const bool may_book = tenant.hasRoomFor(version.booking());
  if (!may_book && !version.booksTargets()) return {std::nullopt, true};
  Search search;
  double least = 0;
  for (const TargetId one : version.targets) {
    const Target& candidate = target(one);
    if (!hasRoom(candidate, id, now)) continue;
    if (!may_book && candidate.running == 0) {
      search.memory_lacks = true;
      continue;
    }
    const double load = candidate.running / candidate.terms.size;
    if (search.found && load >= least) continue;
    search.found = one;
    least = load;
  }
  return search;
}

// Where what is in the way is the version's own at each target: until when it is, unless one of its requests ends.
std::optional<TimePoint> Dispatch::turnedAwayUntil(VersionId version, TimePoint now) const {
  TimePoint first = TimePoint::max();
  for (const TargetId id : versions_[version.value].targets) {
    const Target& candidate = target(id);
    if (isAtItsMost(candidate)) continue;
    const auto own = candidate.full_for.find(version.value);
    if (own == candidate.full_for.end() || now >= own->second) return std::nullopt;
    first = std::min(first, own->second);
  }
  return first;
}

std::optional<Dispatch::Beyond> Dispatch::beyondLimit(VersionId id) const {
  const Version& version = versions_[id.value];
  const auto& limit = tenants_[functions_[version.terms.function.value].terms.tenant.value].terms.memory;
  if (!limit || version.terms.memory <= *limit) return std::nullopt;
  return Beyond{id, version.terms.memory, *limit};
}

// First what the caller can mend himself, then what is ours.
Dispatch::Choice Dispatch::judge(VersionId id, TimePoint now) const {
  const Version& version = versions_[id.value];
  const Function& function = functions_[version.terms.function.value];
  const Tenant& tenant = tenants_[function.terms.tenant.value];
  const TenantTerms& terms = tenant.terms;
  if (beyondLimit(id)) return {Verdict::kNever, {}};
  if (function.running >= function.terms.concurrency) return {Verdict::kFunctionBusy, {}};
  if (terms.concurrency && tenant.running >= *terms.concurrency) return {Verdict::kTenantBusy, {}};
  if (version.targets.empty()) return {Verdict::kNotStarted, {}};
  const Search search = choose(version, id, tenant, now);
  if (search.found) return {Verdict::kRun, *search.found};
  if (search.memory_lacks) return {Verdict::kTenantMemory, {}};
  if (const auto until = turnedAwayUntil(id, now)) return {Verdict::kTurnedAway, {}, *until};
  return {Verdict::kNoMemory, {}};
}

Waiter Dispatch::waiterFor(const Request& request) const {
  const Version& version = versions_[request.version.value];
  const double cost = static_cast<double>(version.terms.memory.value) * kCostOfAByte;
  return {request.ticket,
          functions_[version.terms.function.value].terms.tenant,
          lineOf(request.version),
          version.terms.memory,
          cost,
          request.arrival,
          request.deadline};
}

Dispatch::Answer Dispatch::arrive(const Request& request, TimePoint now) {
  WASABI_CHECK(request.version.value < versions_.size());
  const Choice choice = judge(request.version, now);
  if (choice.verdict == Verdict::kNever) {
    return {Answer::Kind::kRefused, {}, choice.verdict, std::nullopt, beyondLimit(request.version)};
  }
  if (queue_.empty() && choice.verdict == Verdict::kRun) {
    return {Answer::Kind::kGoes, begin(request.version, choice.target), std::nullopt, std::nullopt, std::nullopt};
  }
  if (auto refusal = queue_.offer(waiterFor(request), now)) {
    return {Answer::Kind::kRefused, {}, choice.verdict, std::move(refusal), std::nullopt};
  }
  return {Answer::Kind::kWaits, {}, choice.verdict, std::nullopt, std::nullopt};
}

std::optional<Dispatch::Call> Dispatch::next(TimePoint now) {
  TargetId chosen;
  auto waited = queue_.next(now, [&](const Waiter& waiter) {
    const Choice choice = judge({waiter.function.value}, now);
    chosen = choice.target;
    return Judgement{choice.verdict, choice.until};
  });
  if (!waited) return std::nullopt;
  const VersionId version{waited->waiter.function.value};
  return Call{std::move(*waited), begin(version, chosen)};
}

Dispatch::Run Dispatch::begin(VersionId id, TargetId target_id) {
  Version& version = versions_[id.value];
  Function& function = functions_[version.terms.function.value];
  Tenant& tenant = tenants_[function.terms.tenant.value];
  Target& chosen = target(target_id);
  ++version.running;
  ++version.began;
  ++function.running;
  ++tenant.running;
  const bool is_first = ++chosen.running == 1;
  if (!version.booksTargets()) {
    book(version, tenant, version.booking());
    return {id, target_id, version.booking()};
  }
  if (is_first) {
    chosen.booked = version.booking();
    book(version, tenant, chosen.booked);
  }
  return {id, target_id, ByteSize{0}};
}

void Dispatch::leave(const Run& run) {
  Version& version = versions_[run.version.value];
  Function& function = functions_[version.terms.function.value];
  Tenant& tenant = tenants_[function.terms.tenant.value];
  Target& left = target(run.target);
  WASABI_CHECK(version.running > 0 && left.running > 0);
  --version.running;
  --function.running;
  --tenant.running;
  --left.running;
  giveBack(version, tenant, run.booked);
  if (left.running == 0) giveBack(version, tenant, std::exchange(left.booked, ByteSize{0}));
  wake(function);
}

void Dispatch::book(Version& version, Tenant& tenant, ByteSize memory) {
  version.booked = version.booked + memory;
  tenant.booked = tenant.booked + memory;
}

void Dispatch::giveBack(Version& version, Tenant& tenant, ByteSize memory) {
  WASABI_CHECK(version.booked >= memory && tenant.booked >= memory);
  version.booked = version.booked - memory;
  tenant.booked = tenant.booked - memory;
}

void Dispatch::ended(const Run& run) {
  leave(run);
  target(run.target).full_until.reset();
  target(run.target).full_for.erase(run.version.value);
}

void Dispatch::turnedAway(const Run& run, Lack lack, TimePoint now) {
  leave(run);
  if (lack == Lack::kShared) {
    target(run.target).full_until = now + kBelief;
  } else {
    target(run.target).full_for[run.version.value] = now + kBelief;
  }
}

// ---- figures --------------------------------------------------------------------------------------------------------

void Dispatch::diedUnder(VersionId version, TargetId target_id) {
  std::vector<VersionId>& all = target(target_id).died_under;
  if (std::find(all.begin(), all.end(), version) == all.end()) all.push_back(version);
}

std::vector<VersionId> Dispatch::unserved() const {
  std::vector<VersionId> found;
  for (std::uint32_t number = 0; number < versions_.size(); ++number) {
    if (versions_[number].targets.empty() && queue_.waitingOf(lineOf({number})) > 0) found.push_back({number});
  }
  return found;
}

std::vector<Dispatch::Beyond> Dispatch::waitingInVain() const {
  std::vector<Beyond> found;
  for (std::uint32_t number = 0; number < versions_.size(); ++number) {
    if (queue_.waitingOf(lineOf({number})) == 0) continue;
    if (const auto beyond = beyondLimit({number})) found.push_back(*beyond);
  }
  return found;
}

Dispatch::VersionFigures Dispatch::figures(VersionId id) const {
  const Version& version = versions_[id.value];
  return {version.running,   queue_.waitingOf(lineOf(id)), version.targets.size(), version.began, version.booked,
          version.booking(), queue_.waitsFor(lineOf(id))};
}

Dispatch::TenantFigures Dispatch::tenantFigures(TenantId id) const {
  const Tenant& tenant = tenants_[id.value];
  return {tenant.booked, tenant.terms.memory, tenant.running, queue_.waitingOf(id)};
}

}  // namespace wasabi::policy
