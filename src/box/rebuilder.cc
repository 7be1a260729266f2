#include "box/rebuilder.h"

#include <utility>

namespace wasabi::box {

Rebuilder::Rebuilder(std::size_t at_once, Build build, Logger& log)
    : at_once_(at_once), build_(std::move(build)), log_(log) {}

void Rebuilder::setStale(const std::vector<catalog::FunctionPtr>& functions) {
  std::set<catalog::ModuleDigest> queued;
  pending_.clear();
  for (const catalog::FunctionPtr& function : functions) {
    if (!tried_.contains(function->module) && queued.insert(function->module).second) pending_.push_back(function);
  }
  if (!pending_.empty()) {
    log_.info("modules compiled for another engine are compiled again in the background",
              {{"modules", pending_.size()}});
  }
  buildMore();
}

void Rebuilder::finished(const Result<void>& result) {
  --under_way_;
  ++(result ? built_ : failed_);
  if (!result) last_failure_ = result.error().message();
  buildMore();
  if (under_way_ > 0) return;
  if (failed_ == 0) {
    log_.info("modules compiled again", {{"built", built_}});
  } else {
    log_.warn("modules compiled again", {{"built", built_}, {"failed", failed_}, {"last_reason", last_failure_}});
  }
  built_ = 0;
  failed_ = 0;
}

void Rebuilder::buildMore() {
  while (under_way_ < at_once_ && !pending_.empty()) {
    const catalog::FunctionPtr function = std::move(pending_.front());
    pending_.pop_front();
    tried_.insert(function->module);
    ++under_way_;
    build_(function);
  }
}

}  // namespace wasabi::box
