// How far versions have come on their way to being ready, and what each step took.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include "base/units.h"
#include "platform/version.h"

namespace wasabi::deploy {

enum class Stage : std::uint8_t { kCompiling, kUnpacking, kChecking, kReady, kFailed };
std::string_view nameOf(Stage stage);

struct Progress {
  Stage stage = Stage::kCompiling;
  // Of steps that are over; none where there was nothing to do.
  std::optional<Duration> pulled;
  std::optional<Duration> compiled;
  std::optional<Duration> unpacked;
  std::optional<Duration> checked;
  // Of the step that is going on, where that is known.
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_all = 0;
};

// Of those that are over only the latest are remembered, and nothing after a restart: the records say what became of
// them.
inline constexpr std::size_t kRememberedProgress = 1'000;

// Thread-safe.
class StageLog {
 public:
  explicit StageLog(std::function<TimePoint()> now) : now_(std::move(now)) {}

  void pulled(const platform::VersionName& version, Duration took);
  void goesOn(const platform::VersionName& version, std::uint64_t bytes_done, std::uint64_t bytes_all);
  // From here on the time is that stage's.
  void enter(const platform::VersionName& version, Stage stage);
  std::optional<Progress> of(const platform::VersionName& version) const;

 private:
  struct Entry {
    Progress progress;
    TimePoint entered;
    bool begun = false;
  };

  const std::function<TimePoint()> now_;
  mutable std::mutex mutex_;
  std::map<platform::VersionName, Entry> entries_;
  std::deque<platform::VersionName> over_;  // the latest last
};

}  // namespace wasabi::deploy
