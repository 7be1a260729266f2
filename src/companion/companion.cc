#include "companion/companion.h"

#include <fmt/format.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "catalog/catalog_source.h"
#include "companion/published_catalog.h"
#include "companion/work_list.h"

namespace wasabi::companion {
namespace {

// Removals of old files, and of what was fetched, come along so often.
constexpr Duration kTidyInterval = std::chrono::minutes(1);

// Which failures another attempt alone does not mend.
Outcome outcomeOf(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kIo:
    case ErrorCode::kInternal:
      return Outcome::kFailed;
    default:
      return Outcome::kHopeless;
  }
}

// What other threads have to tell the loop. Whoever may outlive the companion (the builder's callbacks) holds a share;
// what comes after the end is dropped with it.
class Inbox {
 public:
  using Event = UniqueFunction<void()>;

  void post(Event event) {
    {
      const std::scoped_lock lock(mutex_);
      events_.push_back(std::move(event));
    }
    something_.notify_one();
  }
  void stop() {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    something_.notify_one();
  }
  // What has come, at the latest after `pause`; nothing: it is time to end.
  std::optional<std::vector<Event>> take(Duration pause) {
    std::unique_lock lock(mutex_);
    something_.wait_for(lock, pause, [this] { return stopping_ || !events_.empty(); });
    if (stopping_) return std::nullopt;
    return std::exchange(events_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable something_;
  std::vector<Event> events_;
  bool stopping_ = false;
};

}  // namespace

struct Companion::Impl {
  // A function on its way, with what is known of its module.
  struct Making {
    Job job;
    catalog::FunctionPtr spec;
    FetchedModule module;
    TimePoint began;

    const std::string& reference() const { return catalog::builderSpec(spec).module_reference; }
  };
  struct Known {
    catalog::FunctionPtr spec;
    Revision revision = 0;
  };

  Impl(const CompanionConfig& with, CompanionServices& given, Logger& logger, PublishedCatalog catalog)
      : config(with),
        services(given),
        log(logger),
        published(std::move(catalog)),
        work(with.at_once),
        // The work list bounds what is posted.
        fetches({with.at_once, with.at_once, with.longest_fetch}) {}
  ~Impl();

  Result<void> start();
  void run();
  Duration untilNext(TimePoint now) const;

  // The rest: on the loop's thread.
  void takeCatalog(const catalog::CatalogPtr& catalog);
  void begin(const Job& job);
  void fetched(Making making, Result<FetchedModule> module);
  void compiled(const Making& making, const Result<void>& result);
  Result<void> publish(const Making& making);
  void end(const Making& making, const Error& error);
  void showIfTime(TimePoint now);
  void tidyIfTime(TimePoint now);

  const CompanionConfig config;
  CompanionServices& services;
  Logger& log;
  PublishedCatalog published;
  WorkList work;
  std::map<FunctionName, Known> known;
  Revision last_revision = 0;
  bool has_read = false;
  const TimePoint began = Clock::now();
  TimePoint tidied = Clock::now();

  const std::shared_ptr<Inbox> inbox = std::make_shared<Inbox>();
  deploy::JobQueue fetches;
  std::unique_ptr<catalog::CatalogSource> source;
  std::thread thread;
};

Companion::Impl::~Impl() {
  source.reset();
  fetches.stop();
  inbox->stop();
  if (thread.joinable()) thread.join();
}

Result<void> Companion::Impl::start() {
  catalog::CatalogTerms terms;
  terms.reader = catalog::CatalogTerms::Reader::kBuilder;
  auto opened = catalog::CatalogSource::open(
      config.catalog_directory, log,
      [this](catalog::CatalogPtr catalog) {
        inbox->post([this, catalog = std::move(catalog)] { takeCatalog(catalog); });
      },
      terms);
  if (!opened) return fail(std::move(opened).error());
  source = std::move(*opened);
  thread = std::thread([this] { run(); });
  return {};
}

void Companion::Impl::run() {
  while (auto events = inbox->take(untilNext(Clock::now()))) {
    for (Inbox::Event& event : *events) event();
    const TimePoint now = Clock::now();
    while (auto job = work.next(now)) begin(*job);
    showIfTime(now);
    tidyIfTime(now);
  }
}

Duration Companion::Impl::untilNext(TimePoint now) const {
  TimePoint until = tidied + kTidyInterval;
  if (const auto due = work.nextDue()) until = std::min(until, *due);
  if (!published.isShown()) until = std::min(until, began + config.patience);
  return std::max(until - now, Duration::zero());
}

void Companion::Impl::takeCatalog(const catalog::CatalogPtr& catalog) {
  std::map<FunctionName, Known> next;
  std::map<FunctionName, Revision> wanted;
  for (const catalog::FunctionPtr& spec : catalog->functions()) {
    const auto before = known.find(spec->name);
    const bool same = before != known.end() && *before->second.spec == *spec;
    const Revision revision = same ? before->second.revision : ++last_revision;
    next[spec->name] = {spec, revision};
    wanted[spec->name] = revision;
  }
  known = std::move(next);
  std::vector<FunctionName> gone = work.setWanted(wanted);
  if (!std::exchange(has_read, true)) {
    // What a companion before this one has left, and nobody wants any more.
    for (FunctionName& name : published.functions()) {
      if (!wanted.contains(name)) gone.push_back(std::move(name));
    }
  }
  for (const FunctionName& name : gone) {
    if (auto removed = published.remove(name, Clock::now()); !removed) {
      log.error("function not removed", {{"function", name.toString()}, {"reason", removed.error().message()}});
      continue;
    }
    log.info("function removed", {{"function", name.toString()}});
  }
}

void Companion::Impl::begin(const Job& job) {
  const catalog::FunctionPtr spec = known.at(job.name).spec;
  Making making{job, spec, {}, Clock::now()};
  if (making.reference().empty()) {
    FetchedModule local{spec->module_file, spec->module, spec->module_file};
    return fetched(std::move(making), std::move(local));
  }
  log.info("fetching", {{"function", job.name.toString()}, {"from", making.reference()}});
  fetches.post([this, making = std::move(making)](const deploy::JobQueue::Turn& turn) mutable {
    const std::string& from = making.reference();
    auto cut = turn.cutOff(from);
    auto module = cut ? Result<FetchedModule>(fail(*std::move(cut))) : services.fetch(from, turn.stop());
    if (!module && (cut = turn.cutOff(from))) module = fail(*std::move(cut));
    inbox->post([this, making = std::move(making), module = std::move(module)]() mutable {
      fetched(std::move(making), std::move(module));
    });
  });
}

void Companion::Impl::fetched(Making making, Result<FetchedModule> module) {
  if (!module) return end(making, module.error());
  making.module = *std::move(module);
  // Another function may have the same module, or an earlier companion built it.
  if (services.store.openVerified(making.module.digest)) return compiled(making, {});
  const std::string file = making.module.file;
  const platform::Digest digest{making.module.digest.bytes};
  services.compiler.compile(file, digest, [this, to = inbox, making = std::move(making)](Result<void> result) mutable {
    to->post([this, making = std::move(making), result = std::move(result)] { compiled(making, result); });
  });
}

void Companion::Impl::compiled(const Making& making, const Result<void>& result) {
  if (!result) {
    if (result.error().code() == ErrorCode::kUnavailable) services.broken(result.error());
    return end(making, result.error());
  }
  // The catalog may have changed meanwhile, and the box must not see a state that was replaced.
  const auto now_known = known.find(making.job.name);
  const bool is_current = now_known != known.end() && now_known->second.revision == making.job.revision;
  if (is_current) {
    if (auto put = publish(making); !put) return end(making, put.error());
  }
  const TimePoint now = Clock::now();
  work.finished(making.job, Outcome::kReady, now);
  if (!is_current) return;
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now - making.began).count();
  log.info("function ready", {{"function", making.job.name.toString()},
                              {"module", "sha256:" + making.module.digest.toHex()},
                              {"from", making.module.source},
                              {"took_ms", took}});
}

Result<void> Companion::Impl::publish(const Making& making) {
  catalog::Manifest manifest = catalog::parseManifest(catalog::builderSpec(making.spec).manifest_text).manifest;
  manifest.module = making.module.digest;
  return published.put(making.job.name, std::move(manifest), making.spec->files_directory, Clock::now());
}

void Companion::Impl::end(const Making& making, const Error& error) {
  const TimePoint now = Clock::now();
  work.finished(making.job, outcomeOf(error), now);
  const auto again = work.againAt(making.job.name);
  log.warn("function not ready",
           {{"function", making.job.name.toString()},
            {"reason", error.message()},
            {"again_in_ms", again ? std::chrono::duration_cast<std::chrono::milliseconds>(*again - now).count() : 0}});
}

void Companion::Impl::showIfTime(TimePoint now) {
  if (published.isShown() || !has_read || !(work.isSettled() || now - began >= config.patience)) return;
  const auto ready = static_cast<std::int64_t>(published.functions().size());
  if (auto shown = published.show(); !shown) {
    return log.error("the catalog cannot be shown to the box", {{"reason", shown.error().message()}});
  }
  log.info("catalog shown to the box", {{"functions", ready}, {"wanted", static_cast<std::int64_t>(known.size())}});
}

void Companion::Impl::tidyIfTime(TimePoint now) {
  if (now - tidied < kTidyInterval) return;
  tidied = now;
  published.sweep(now);
  if (work.underWay() == 0) services.tidy();
}

Result<std::unique_ptr<Companion>> Companion::start(const CompanionConfig& config, CompanionServices& services,
                                                    Logger& log) {
  auto published = PublishedCatalog::open(config.shared_directory);
  if (!published) return fail(std::move(published).error());
  auto impl = std::make_unique<Impl>(config, services, log, std::move(*published));
  if (auto started = impl->start(); !started) return fail(std::move(started).error());
  return std::unique_ptr<Companion>(new Companion(std::move(impl)));
}

Companion::Companion(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Companion::~Companion() = default;

}  // namespace wasabi::companion
