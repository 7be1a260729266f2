#include "companion/work_list.h"

#include <algorithm>

#include "base/check.h"

namespace wasabi::companion {

std::vector<FunctionName> WorkList::setWanted(const std::map<FunctionName, Revision>& wanted) {
  std::vector<FunctionName> gone;
  for (auto at = functions_.begin(); at != functions_.end();) {
    auto& [name, function] = *at;
    if (wanted.contains(name)) {
      ++at;
      continue;
    }
    if (function.is_wanted) gone.push_back(name);
    function.is_wanted = false;
    at = function.is_running ? std::next(at) : functions_.erase(at);
  }
  for (const auto& [name, revision] : wanted) {
    Function& function = functions_[name];
    if (function.is_wanted && function.wanted == revision) continue;
    function.is_wanted = true;
    function.wanted = revision;
    function.state = Function::State::kNew;
    function.backoff = {};
  }
  return gone;
}

bool WorkList::isOpen(const Function& function) const {
  return function.is_wanted && !function.is_running && function.state != Function::State::kReady;
}

std::optional<Job> WorkList::next(TimePoint now) {
  if (under_way_ >= at_once_) return std::nullopt;
  auto chosen = functions_.end();
  for (auto at = functions_.begin(); at != functions_.end(); ++at) {
    if (!isOpen(at->second) || !at->second.backoff.mayStart(now)) continue;
    if (chosen == functions_.end() || at->second.backoff.notBefore() < chosen->second.backoff.notBefore()) chosen = at;
  }
  if (chosen == functions_.end()) return std::nullopt;
  auto& [name, function] = *chosen;
  function.is_running = true;
  function.running = function.wanted;
  ++under_way_;
  return Job{name, function.running};
}

bool WorkList::finished(const Job& job, Outcome outcome, TimePoint now) {
  const auto found = functions_.find(job.name);
  WASABI_CHECK(found != functions_.end() && found->second.is_running && found->second.running == job.revision);
  Function& function = found->second;
  function.is_running = false;
  --under_way_;
  if (!function.is_wanted) {
    functions_.erase(found);
    return false;
  }
  if (function.wanted != job.revision) return false;
  if (outcome == Outcome::kReady) {
    function.state = Function::State::kReady;
    return true;
  }
  function.state = outcome == Outcome::kFailed ? Function::State::kFailed : Function::State::kHopeless;
  function.backoff.ended(std::nullopt, now);
  return false;
}

std::optional<TimePoint> WorkList::nextDue() const {
  if (under_way_ >= at_once_) return std::nullopt;
  std::optional<TimePoint> due;
  for (const auto& [name, function] : functions_) {
    if (isOpen(function)) due = std::min(due.value_or(TimePoint::max()), function.backoff.notBefore());
  }
  return due;
}

std::optional<TimePoint> WorkList::againAt(const FunctionName& name) const {
  const auto found = functions_.find(name);
  if (found == functions_.end() || !isOpen(found->second)) return std::nullopt;
  return found->second.backoff.notBefore();
}

bool WorkList::isSettled() const {
  return std::ranges::all_of(functions_, [](const auto& entry) {
    const Function& function = entry.second;
    return !function.is_wanted || function.state == Function::State::kReady ||
           function.state == Function::State::kHopeless;
  });
}

}  // namespace wasabi::companion
