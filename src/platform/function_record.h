// What the platform knows of a function: its versions, how far each has come, and who gets which traffic.
//
// A record is a value. What may be done to one are the functions below: pure, each leaves a record that keeps the
// rules of this header or says why not. Who stores it is functions.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catalog/platform_settings.h"
#include "platform/traffic_split.h"
#include "platform/version.h"

namespace wasabi::platform {

enum class VersionState : std::uint8_t {
  kBuilding,  // not compiled, pulled or checked yet
  kReady,     // may have traffic
  kFailed,    // for the reason given; may be tried again
};
std::string_view nameOf(VersionState state);

struct VersionEntry {
  VersionPtr version;
  VersionState state = VersionState::kBuilding;
  std::string reason;    // of kFailed; at most kMaxReasonBytes
  bool promote = false;  // gets all traffic once it is ready
};

inline constexpr std::size_t kMaxReasonBytes = 2'048;
inline constexpr std::size_t kMaxVersionsOfFunction = 200;
inline constexpr std::size_t kMaxPastSplits = 10;

struct FunctionRecord {
  FunctionName name;
  std::vector<VersionEntry> versions;  // by number, ascending
  std::uint32_t next_number = 1;
  TrafficSplit traffic;            // versions that are ready
  std::vector<TrafficSplit> past;  // what rollback returns to, the latest last
  // Set by people over what manifests say; what is absent comes from the leading version.
  catalog::PlatformSettings overrides;
  std::string created_by;
  std::int64_t created_ms = 0;  // milliseconds since 1970

  const VersionEntry* find(std::uint32_t number) const;
  // The newest version with traffic; without traffic the newest. Routes and the settings of the platform are its. Not
  // of a record without versions.
  const VersionEntry& leading() const;
  catalog::Visibility visibility() const;
  catalog::Isolation isolation() const;
  catalog::Scale scale() const;
  std::optional<catalog::Check> checkOf(const Version& version) const;
  // Has traffic, or a rollback may bring it back.
  bool isHeld(std::uint32_t number) const;
};

using FunctionRecordPtr = std::shared_ptr<const FunctionRecord>;

// `version->number` is record.next_number. kExhausted: too many versions, and none that may go.
Result<FunctionRecord> withVersion(FunctionRecord record, VersionPtr version, bool promote);
// It is compiled and checked: it may have traffic. If it is to be promoted it gets all of it, unless a newer version
// has some already.
Result<FunctionRecord> withReady(FunctionRecord record, std::uint32_t number);
// kConflict: it has traffic.
Result<FunctionRecord> withFailed(FunctionRecord record, std::uint32_t number, std::string reason);
// A failed version is tried again.
Result<FunctionRecord> withRetry(FunctionRecord record, std::uint32_t number, bool promote);
// Nothing is promoted any more that was waiting for it: who sets traffic by hand has the last word.
Result<FunctionRecord> withTraffic(FunctionRecord record, TrafficSplit traffic);
// To the split before the present one. kNotFound: there is none.
Result<FunctionRecord> withRollback(FunctionRecord record);
FunctionRecord withOverrides(FunctionRecord record, catalog::PlatformSettings overrides);
// Of different numbers. kConflict: one of them is held, or building, or they are all that there are.
Result<FunctionRecord> withoutVersions(FunctionRecord record, std::span<const std::uint32_t> numbers);

}  // namespace wasabi::platform
