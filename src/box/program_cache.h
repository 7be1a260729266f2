// Loaded programs: found at once, loaded off the workers, let go by least recent use.
//
//   find()  -> there                         a worker's fast path
//   load()  -> [loader thread] store (verify) -> engine (map, link) -> callback
//              not in the store: builder -> store -> engine -> callback
//
// Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/log.h"
#include "base/unique_function.h"
#include "box/box_config.h"
#include "box/loaded_program.h"
#include "catalog/builder.h"
#include "catalog/function_spec.h"
#include "catalog/module_store.h"
#include "engine/engine.h"

namespace wasabi::box {

// Runs on a loader's or the builder client's thread.
using OnProgram = UniqueFunction<void(Result<ProgramPtr>)>;

class ProgramCache {
 public:
  // `builder` may be null: then what the store does not hold is kNotFound. The rest outlives the cache.
  ProgramCache(const engine::Engine& engine, catalog::ModuleStore& store, catalog::BuilderClient* builder,
               const ProgramBudget& budget, Logger& log);
  // Waiting loads are answered with kUnavailable. The builder client must be gone or quiet by then.
  ~ProgramCache();
  ProgramCache(const ProgramCache&) = delete;
  ProgramCache& operator=(const ProgramCache&) = delete;

  // The program if it is loaded; counts as a use.
  ProgramPtr find(const catalog::ModuleDigest& module);

  // Whether it is loaded; no use of it.
  bool has(const catalog::ModuleDigest& module) const;

  // Loads it, once however many ask at the same time. `on_program` may run before load() returns when the answer is
  // already known. Errors: kInvalid (the module cannot run here), kExhausted and kTimeout (compiling it met a limit),
  // kNotFound (not compiled, and nobody may compile), kUnavailable (too many loads wait, the box stops) and others
  // (ours). The first three are remembered for a while: a module that cannot be compiled costs one compilation, not
  // one a request.
  void load(const catalog::FunctionPtr& function, OnProgram on_program);

  // Lets go of the program that was used longest ago, and with it of the slots that are kept warm for it, as soon as
  // its last invocation ends. False when none is loaded.
  bool evictLeastRecent();

  // Lets go of the programs whose file somebody wants to write; they are loaded anew when they are asked for.
  void dropWanted();
  // Lets go of this program likewise, and forgets that it was refused: the next request loads it anew. Whether it was
  // loaded.
  bool unload(const catalog::ModuleDigest& module);

  struct Figures {
    std::size_t loaded = 0;
    ByteSize mapped;
    std::size_t loading = 0;
    std::uint64_t loads = 0;
    std::uint64_t evictions = 0;
    std::uint64_t load_failures = 0;
  };
  Figures figures() const;

 private:
  struct DigestHash {
    std::size_t operator()(const catalog::ModuleDigest& digest) const noexcept;
  };
  struct Entry {
    ProgramPtr program;
    std::list<catalog::ModuleDigest>::iterator used;
  };

  void runLoader();
  void loadNow(const catalog::FunctionPtr& function, bool may_build);
  void build(const catalog::FunctionPtr& function);
  void enqueue(catalog::FunctionPtr function, bool may_build);
  void finish(const catalog::ModuleDigest& module, Result<ProgramPtr> result);
  std::optional<Error> knownRefusal(const catalog::ModuleDigest& module);
  void remember(const catalog::ModuleDigest& module, const Error& refusal);
  ProgramPtr remove(const catalog::ModuleDigest& module);
  void warnIfNotHeld(const LoadedProgram& program);
  std::vector<ProgramPtr> keep(const catalog::ModuleDigest& module, const ProgramPtr& program);

  const engine::Engine& engine_;
  catalog::ModuleStore& store_;
  catalog::BuilderClient* const builder_;
  const ProgramBudget budget_;
  Logger& log_;
  std::atomic<bool> warned_not_held_{false};

  struct Job {
    catalog::FunctionPtr function;
    bool may_build;
  };

  struct Refusal {
    Error reason;
    TimePoint until;
  };

  mutable std::mutex mutex_;
  std::condition_variable work_;
  bool stopping_ = false;
  std::unordered_map<catalog::ModuleDigest, Entry, DigestHash> loaded_;
  std::list<catalog::ModuleDigest> by_use_;  // most recent first
  std::unordered_map<catalog::ModuleDigest, std::vector<OnProgram>, DigestHash> waiting_;
  std::unordered_map<catalog::ModuleDigest, Refusal, DigestHash> refused_;
  std::deque<Job> jobs_;
  Figures figures_;
  std::vector<std::thread> loaders_;
};

}  // namespace wasabi::box
