#include "platform/function_record.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"

namespace wasabi::platform {
namespace {

VersionEntry* entryOf(FunctionRecord& record, std::uint32_t number) {
  return const_cast<VersionEntry*>(std::as_const(record).find(number));
}

tl::unexpected<Error> noSuchVersion(const FunctionRecord& record, std::uint32_t number) {
  return fail(ErrorCode::kNotFound, fmt::format("{} has no version {}", record.name.toString(), number));
}

// Each version of the split may be called.
Result<void> checkReady(const FunctionRecord& record, const TrafficSplit& traffic) {
  for (const TrafficShare& share : traffic.shares()) {
    const VersionEntry* entry = record.find(share.version);
    if (entry == nullptr) return noSuchVersion(record, share.version);
    if (entry->state == VersionState::kReady) continue;
    return fail(ErrorCode::kConflict, fmt::format("version {} of {} is {}{}{}: only a ready version can have traffic",
                                                  share.version, record.name.toString(), nameOf(entry->state),
                                                  entry->reason.empty() ? "" : ": ", entry->reason));
  }
  return {};
}

void setTraffic(FunctionRecord& record, TrafficSplit traffic) {
  if (record.traffic == traffic) return;
  if (!record.traffic.empty()) record.past.push_back(std::move(record.traffic));
  if (record.past.size() > kMaxPastSplits) record.past.erase(record.past.begin());
  record.traffic = std::move(traffic);
}

void forgetPromotions(FunctionRecord& record) {
  for (VersionEntry& entry : record.versions) entry.promote = false;
}

// The oldest version that nobody holds and that is no longer being built.
std::vector<VersionEntry>::iterator oldestFree(FunctionRecord& record) {
  return std::ranges::find_if(record.versions, [&record](const VersionEntry& entry) {
    return entry.state != VersionState::kBuilding && !record.isHeld(entry.version->number);
  });
}

}  // namespace

std::string_view nameOf(VersionState state) {
  switch (state) {
    case VersionState::kBuilding:
      return "building";
    case VersionState::kReady:
      return "ready";
    case VersionState::kFailed:
      return "failed";
  }
  return "failed";
}

const VersionEntry* FunctionRecord::find(std::uint32_t number) const {
  const auto number_of = [](const VersionEntry& entry) { return entry.version->number; };
  const auto at = std::ranges::lower_bound(versions, number, {}, number_of);
  return at != versions.end() && number_of(*at) == number ? &*at : nullptr;
}

const VersionEntry& FunctionRecord::leading() const {
  WASABI_CHECK(!versions.empty());
  const VersionEntry* entry = traffic.empty() ? &versions.back() : find(traffic.newest());
  WASABI_CHECK(entry != nullptr);
  return *entry;
}

catalog::Visibility FunctionRecord::visibility() const {
  return overrides.visibility.value_or(leading().version->settings.visibility.value_or(catalog::Visibility::kPublic));
}

catalog::Isolation FunctionRecord::isolation() const {
  return overrides.isolation.value_or(leading().version->settings.isolation.value_or(catalog::Isolation::kShared));
}

catalog::Scale FunctionRecord::scale() const {
  return overrides.scale.value_or(leading().version->settings.scale.value_or(catalog::Scale{}));
}

std::optional<catalog::Check> FunctionRecord::checkOf(const Version& version) const {
  return overrides.check ? overrides.check : version.settings.check;
}

bool FunctionRecord::isHeld(std::uint32_t number) const {
  return traffic.has(number) ||
         std::ranges::any_of(past, [number](const TrafficSplit& split) { return split.has(number); });
}

Result<FunctionRecord> withVersion(FunctionRecord record, VersionPtr version, bool promote) {
  WASABI_CHECK(version->number == record.next_number && version->name() == record.name);
  if (record.versions.size() >= kMaxVersionsOfFunction) {
    const auto free = oldestFree(record);
    if (free == record.versions.end()) {
      return fail(ErrorCode::kExhausted,
                  fmt::format("{} has {} versions that are being built or hold traffic; wait, or delete some",
                              record.name.toString(), record.versions.size()));
    }
    record.versions.erase(free);
  }
  record.versions.push_back({std::move(version), VersionState::kBuilding, {}, promote});
  ++record.next_number;
  return record;
}

Result<FunctionRecord> withReady(FunctionRecord record, std::uint32_t number) {
  VersionEntry* entry = entryOf(record, number);
  if (entry == nullptr) return noSuchVersion(record, number);
  entry->state = VersionState::kReady;
  entry->reason.clear();
  const bool promote = std::exchange(entry->promote, false);
  if (promote && (record.traffic.empty() || record.traffic.newest() < number)) {
    setTraffic(record, TrafficSplit::all(number));
  }
  return record;
}

Result<FunctionRecord> withFailed(FunctionRecord record, std::uint32_t number, std::string reason) {
  VersionEntry* entry = entryOf(record, number);
  if (entry == nullptr) return noSuchVersion(record, number);
  if (record.traffic.has(number)) {
    return fail(ErrorCode::kConflict,
                fmt::format("version {} of {} has traffic; take it away first", number, record.name.toString()));
  }
  if (reason.size() > kMaxReasonBytes) reason.resize(kMaxReasonBytes);
  entry->state = VersionState::kFailed;
  entry->reason = std::move(reason);
  entry->promote = false;
  return record;
}

Result<FunctionRecord> withRetry(FunctionRecord record, std::uint32_t number, bool promote) {
  VersionEntry* entry = entryOf(record, number);
  if (entry == nullptr) return noSuchVersion(record, number);
  if (entry->state != VersionState::kFailed) {
    return fail(ErrorCode::kConflict, fmt::format("version {} of {} is {}; only a failed one can be tried again",
                                                  number, record.name.toString(), nameOf(entry->state)));
  }
  entry->state = VersionState::kBuilding;
  entry->reason.clear();
  entry->promote = promote;
  return record;
}

Result<FunctionRecord> withTraffic(FunctionRecord record, TrafficSplit traffic) {
  if (traffic.empty()) return fail(ErrorCode::kInvalid, "no version is given any traffic; delete the function instead");
  if (auto ready = checkReady(record, traffic); !ready) return fail(std::move(ready).error());
  setTraffic(record, std::move(traffic));
  forgetPromotions(record);
  return record;
}

Result<FunctionRecord> withRollback(FunctionRecord record) {
  if (record.past.empty()) {
    return fail(ErrorCode::kNotFound,
                fmt::format("{} has no traffic split before the present one to go back to", record.name.toString()));
  }
  TrafficSplit last = std::move(record.past.back());
  record.past.pop_back();
  if (auto ready = checkReady(record, last); !ready) return fail(std::move(ready).error());
  record.traffic = std::move(last);
  forgetPromotions(record);
  return record;
}

FunctionRecord withOverrides(FunctionRecord record, catalog::PlatformSettings overrides) {
  record.overrides = std::move(overrides);
  return record;
}

Result<FunctionRecord> withoutVersions(FunctionRecord record, std::span<const std::uint32_t> numbers) {
  for (const std::uint32_t number : numbers) {
    const VersionEntry* entry = record.find(number);
    if (entry == nullptr) return noSuchVersion(record, number);
    if (entry->state == VersionState::kBuilding || record.isHeld(number)) {
      return fail(ErrorCode::kConflict, fmt::format("version {} of {} {}", number, record.name.toString(),
                                                    entry->state == VersionState::kBuilding
                                                        ? "is being built"
                                                        : "has traffic, or a rollback may bring it back"));
    }
  }
  if (numbers.size() >= record.versions.size()) {
    return fail(ErrorCode::kConflict,
                fmt::format("{} would be left without a version; delete the function instead", record.name.toString()));
  }
  std::erase_if(record.versions, [numbers](const VersionEntry& entry) {
    return std::ranges::find(numbers, entry.version->number) != numbers.end();
  });
  return record;
}

}  // namespace wasabi::platform
