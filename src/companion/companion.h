// Makes the functions of a catalog ready for a box beside it that has no network, no compiler and no signing key:
//
//   catalog (manifests; modules in it, or in registries)
//      | follow
//      v
//   WorkList -- fetch (job threads) --> compile, sign (builder) --> PublishedCatalog, store --> box
//
// A function appears, and is replaced, once its compiled module is in the store. What fails is tried again, and what
// the box has of that function stays. The catalog is shown to the box when every function was ready once or proved
// hopeless, or at the end of the patience.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "base/log.h"
#include "base/unique_function.h"
#include "base/units.h"
#include "catalog/module_store.h"
#include "companion/module_fetcher.h"
#include "deploy/compiler.h"
#include "deploy/job_queue.h"

namespace wasabi::companion {

struct CompanionConfig {
  std::string catalog_directory;
  std::string shared_directory;  // of which the box sees the catalog
  Duration patience = std::chrono::seconds(60);
  std::uint32_t at_once = 4;  // functions that are fetched and compiled at once
  Duration longest_fetch = std::chrono::minutes(10);
};

struct CompanionServices {
  FetchModule fetch;
  deploy::Compiler& compiler;
  catalog::ModuleStore& store;
  UniqueFunction<void()> tidy;  // called while nothing is under way: what was fetched is not needed any more
  // The builder is gone, from any thread: nothing can be made ready any more.
  UniqueFunction<void(const Error&)> broken;
};

class Companion {
 public:
  // Reads the catalog once and then follows it, on threads of its own, until destroyed. `services` and `log` outlive
  // this.
  static Result<std::unique_ptr<Companion>> start(const CompanionConfig& config, CompanionServices& services,
                                                  Logger& log);
  ~Companion();

 private:
  struct Impl;
  explicit Companion(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wasabi::companion
