#include "box/program_cache.h"

#include <fmt/format.h>
#include <pthread.h>

#include <cstring>
#include <utility>

namespace wasabi::box {
namespace {

// Long enough that requests cannot keep the compilers busy with a module that fails, short enough to try again after
// an operator raised the limits.
constexpr Duration kRefusalRemembered = std::chrono::seconds(60);
constexpr std::size_t kMaxRefusals = 10'000;

// Whether a failed build speaks of the module, so that the next one would fail as well.
bool isTheModulesFault(ErrorCode code) {
  return code == ErrorCode::kInvalid || code == ErrorCode::kExhausted || code == ErrorCode::kTimeout;
}

bool isMissing(ErrorCode code) {
  return code == ErrorCode::kNotFound || code == ErrorCode::kCorrupt;
}

}  // namespace

std::size_t ProgramCache::DigestHash::operator()(const catalog::ModuleDigest& digest) const noexcept {
  std::size_t hash = 0;  // the digest is as good as random already
  std::memcpy(&hash, digest.bytes.data(), sizeof(hash));
  return hash;
}

ProgramCache::ProgramCache(const engine::Engine& engine, catalog::ModuleStore& store, catalog::BuilderClient* builder,
                           const ProgramBudget& budget, Logger& log)
    : engine_(engine), store_(store), builder_(builder), budget_(budget), log_(log) {
  for (std::uint32_t i = 0; i < budget.loaders; ++i) {
    loaders_.emplace_back([this] {
      ::pthread_setname_np(::pthread_self(), "loader");
      runLoader();
    });
  }
}

ProgramCache::~ProgramCache() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  for (std::thread& loader : loaders_) loader.join();
  for (auto& [module, callbacks] : waiting_) {
    for (OnProgram& callback : callbacks) callback(fail(ErrorCode::kUnavailable, "the box is stopping"));
  }
}

ProgramPtr ProgramCache::find(const catalog::ModuleDigest& module) {
  std::lock_guard lock(mutex_);
  const auto found = loaded_.find(module);
  if (found == loaded_.end()) return nullptr;
  by_use_.splice(by_use_.begin(), by_use_, found->second.used);
  return found->second.program;
}

bool ProgramCache::has(const catalog::ModuleDigest& module) const {
  std::lock_guard lock(mutex_);
  return loaded_.contains(module);
}

void ProgramCache::load(const catalog::FunctionPtr& function, OnProgram on_program) {
  ProgramPtr loaded = find(function->module);
  if (loaded) return on_program(std::move(loaded));
  {
    std::unique_lock lock(mutex_);
    std::optional<Error> refusal = knownRefusal(function->module);
    if (stopping_) refusal = Error(ErrorCode::kUnavailable, "the box is stopping");
    if (figures_.loading >= budget_.max_loading) {
      refusal = Error(ErrorCode::kUnavailable, "too many requests wait for programs to be loaded");
    }
    if (refusal) {
      lock.unlock();
      return on_program(fail(std::move(*refusal)));
    }
    ++figures_.loading;
    std::vector<OnProgram>& callbacks = waiting_[function->module];
    callbacks.push_back(std::move(on_program));
    if (callbacks.size() > 1) return;
  }
  enqueue(function, true);
}

void ProgramCache::enqueue(catalog::FunctionPtr function, bool may_build) {
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back({std::move(function), may_build});
  }
  work_.notify_one();
}

void ProgramCache::runLoader() {
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (stopping_) return;
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    loadNow(job.function, job.may_build);
    lock.lock();
  }
}

void ProgramCache::loadNow(const catalog::FunctionPtr& function, bool may_build) {
  auto file = store_.openVerified(function->module);
  if (!file) {
    const ErrorCode code = file.error().code();
    if (isMissing(code) && may_build && builder_ != nullptr) return build(function);
    return finish(function->module, fail(std::move(file.error()).within("compiled module")));
  }
  auto program = engine::Program::load(engine_, file->descriptor());
  if (!program) return finish(function->module, fail(std::move(program.error())));
  auto loaded = std::make_shared<const LoadedProgram>(std::move(*file), std::move(*program));
  warnIfNotHeld(*loaded);
  finish(function->module, std::move(loaded));
}

void ProgramCache::build(const catalog::FunctionPtr& function) {
  builder_->build(function->module_file, function->module, [this, function](Result<void> built) {
    if (!built) {
      remember(function->module, built.error());
      return finish(function->module, fail(std::move(built.error())));
    }
    enqueue(function, false);
  });
}

void ProgramCache::finish(const catalog::ModuleDigest& module, Result<ProgramPtr> result) {
  // "Not compiled" is for boxes that do not compile; here the build failed, whatever it was that it missed.
  if (!result && builder_ != nullptr && isMissing(result.error().code())) {
    result = fail(ErrorCode::kUnavailable, result.error().message());
  }
  std::vector<ProgramPtr> evicted;  // dropped without the lock: unmapping takes its time
  std::vector<OnProgram> callbacks;
  {
    std::lock_guard lock(mutex_);
    // Whoever wants it from here on is heard by dropWanted(), which waits for the lock.
    if (result && !(*result)->isWanted()) evicted = keep(module, *result);
    ++(result ? figures_.loads : figures_.load_failures);
    const auto waiting = waiting_.find(module);
    if (waiting == waiting_.end()) return;
    callbacks = std::move(waiting->second);
    waiting_.erase(waiting);
    figures_.loading -= callbacks.size();
  }
  for (OnProgram& callback : callbacks) {
    callback(result ? Result<ProgramPtr>(*result) : Result<ProgramPtr>(fail(result.error())));
  }
}

void ProgramCache::warnIfNotHeld(const LoadedProgram& program) {
  const auto reason = program.whyNotHeld();
  if (!reason || warned_not_held_.exchange(true)) return;
  log_.warn("compiled modules cannot be held: one that is truncated or overwritten in place ends the box",
            {{"reason", reason->message()}});
}

// Called with the lock held. Returns what had to go to make room.
std::vector<ProgramPtr> ProgramCache::keep(const catalog::ModuleDigest& module, const ProgramPtr& program) {
  std::vector<ProgramPtr> evicted;
  by_use_.push_front(module);
  if (!loaded_.emplace(module, Entry{program, by_use_.begin()}).second) {
    by_use_.pop_front();
    return evicted;
  }
  figures_.mapped = figures_.mapped + program->program().codeSize();
  while (loaded_.size() > 1 && (figures_.mapped > budget_.mapped || loaded_.size() > budget_.max_programs)) {
    evicted.push_back(remove(by_use_.back()));
    ++figures_.evictions;
  }
  return evicted;
}

// Called with the lock held. Returns the program, or null if it is not loaded.
ProgramPtr ProgramCache::remove(const catalog::ModuleDigest& module) {
  const auto found = loaded_.find(module);
  if (found == loaded_.end()) return nullptr;
  ProgramPtr program = std::move(found->second.program);
  figures_.mapped = figures_.mapped - program->program().codeSize();
  by_use_.erase(found->second.used);
  loaded_.erase(found);
  return program;
}

bool ProgramCache::evictLeastRecent() {
  ProgramPtr evicted;  // dropped without the lock: unmapping takes its time
  std::lock_guard lock(mutex_);
  if (loaded_.empty()) return false;
  evicted = remove(by_use_.back());
  ++figures_.evictions;
  return true;
}

void ProgramCache::dropWanted() {
  std::vector<ProgramPtr> dropped;  // without the lock, as above
  std::vector<catalog::ModuleDigest> modules;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [module, entry] : loaded_) {
      if (entry.program->isWanted()) modules.push_back(module);
    }
    for (const catalog::ModuleDigest& module : modules) dropped.push_back(remove(module));
    figures_.evictions += modules.size();
  }
  for (const catalog::ModuleDigest& module : modules) {
    log_.warn("somebody writes to a compiled module in the store; its program is let go", {{"module", module.toHex()}});
  }
}

bool ProgramCache::unload(const catalog::ModuleDigest& module) {
  ProgramPtr unloaded;  // dropped without the lock, as above
  std::lock_guard lock(mutex_);
  refused_.erase(module);
  unloaded = remove(module);
  return unloaded != nullptr;
}

// Called with the lock held.
std::optional<Error> ProgramCache::knownRefusal(const catalog::ModuleDigest& module) {
  const auto found = refused_.find(module);
  if (found == refused_.end()) return std::nullopt;
  if (Clock::now() < found->second.until) return found->second.reason;
  refused_.erase(found);
  return std::nullopt;
}

void ProgramCache::remember(const catalog::ModuleDigest& module, const Error& refusal) {
  if (!isTheModulesFault(refusal.code())) return;
  const TimePoint now = Clock::now();
  std::lock_guard lock(mutex_);
  if (refused_.size() >= kMaxRefusals)
    std::erase_if(refused_, [now](const auto& entry) { return entry.second.until < now; });
  if (refused_.size() < kMaxRefusals) refused_.insert_or_assign(module, Refusal{refusal, now + kRefusalRemembered});
}

ProgramCache::Figures ProgramCache::figures() const {
  std::lock_guard lock(mutex_);
  Figures figures = figures_;
  figures.loaded = loaded_.size();
  return figures;
}

}  // namespace wasabi::box
