// After an upgrade of the engine: functions that were compiled for the one before are compiled for this one before
// somebody asks for them. Functions that nobody ever called stay as they are.
//
// Lives on one thread.
#pragma once

#include <cstddef>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/unique_function.h"
#include "catalog/function_spec.h"

namespace wasabi::box {

class Rebuilder {
 public:
  // Begins a build that nobody waits for; finished() is called when it is over.
  using Build = UniqueFunction<void(const catalog::FunctionPtr& function)>;

  // At most `at_once` builds are under way, so that those which are asked for find room in the builder's queue.
  Rebuilder(std::size_t at_once, Build build, Logger& log);

  // What is deployed now and stale, in place of what was said before. Each module is tried once.
  void setStale(const std::vector<catalog::FunctionPtr>& functions);
  void finished(const Result<void>& result);

 private:
  void buildMore();

  const std::size_t at_once_;
  Build build_;
  Logger& log_;
  std::deque<catalog::FunctionPtr> pending_;
  std::set<catalog::ModuleDigest> tried_;
  std::size_t under_way_ = 0;
  std::size_t built_ = 0;
  std::size_t failed_ = 0;
  std::string last_failure_;
};

}  // namespace wasabi::box
