#include "deploy/stage_log.h"

#include <algorithm>

namespace wasabi::deploy {

std::string_view nameOf(Stage stage) {
  switch (stage) {
    case Stage::kCompiling:
      return "compiling";
    case Stage::kUnpacking:
      return "unpacking";
    case Stage::kChecking:
      return "checking";
    case Stage::kReady:
      return "ready";
    case Stage::kFailed:
      return "failed";
  }
  return "failed";
}

void StageLog::pulled(const platform::VersionName& version, Duration took) {
  const std::scoped_lock lock(mutex_);
  const auto entry = entries_.find(version);
  if (entry != entries_.end()) entry->second.progress.pulled = took;
}

void StageLog::goesOn(const platform::VersionName& version, std::uint64_t bytes_done, std::uint64_t bytes_all) {
  const std::scoped_lock lock(mutex_);
  const auto entry = entries_.find(version);
  if (entry == entries_.end()) return;
  entry->second.progress.bytes_done = bytes_done;
  entry->second.progress.bytes_all = bytes_all;
}

void StageLog::enter(const platform::VersionName& version, Stage stage) {
  const TimePoint now = now_();
  const std::scoped_lock lock(mutex_);
  Entry& entry = entries_[version];
  if (stage == Stage::kCompiling || stage == Stage::kUnpacking) {
    std::erase(over_, version);
    entry = {};
  } else if (entry.begun && entry.progress.stage == Stage::kCompiling) {
    entry.progress.compiled = now - entry.entered;
  } else if (entry.begun && entry.progress.stage == Stage::kUnpacking) {
    entry.progress.unpacked = now - entry.entered;
  } else if (entry.begun && entry.progress.stage == Stage::kChecking) {
    entry.progress.checked = now - entry.entered;
  }
  entry.progress.stage = stage;
  entry.progress.bytes_done = 0;
  entry.progress.bytes_all = 0;
  entry.entered = now;
  entry.begun = true;
  if (stage != Stage::kReady && stage != Stage::kFailed) return;
  over_.push_back(version);
  if (over_.size() <= kRememberedProgress) return;
  entries_.erase(over_.front());
  over_.pop_front();
}

std::optional<Progress> StageLog::of(const platform::VersionName& version) const {
  const std::scoped_lock lock(mutex_);
  const auto entry = entries_.find(version);
  if (entry == entries_.end()) return std::nullopt;
  return entry->second.progress;
}

}  // namespace wasabi::deploy
