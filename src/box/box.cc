#include "box/box.h"

#include <pthread.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string_view>
#include <utility>

#include "base/admin_address.h"
#include "box/config_access.h"
#include "box/mapping_budget.h"
#include "box/process_figures.h"

namespace wasabi::box {
namespace {

// Metrics are taken over this often even if nobody asks, so that what was removed from the catalog is let go.
constexpr Duration kCollectPeriod = std::chrono::seconds(30);

std::uint64_t randomSeed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

FileAccess accessOf(const BoxConfig& config, const std::optional<HistoryFile>& history, Logger& log) {
  FileAccess access{systemFilesOfABox(), {}};
  access.readable.push_back(config.catalog_directory);
  access.readable.push_back(config.store_directory);
  if (!config.secrets_directory.empty()) access.readable.push_back(config.secrets_directory);
  if (history) access.changeable.push_back(history->folder());
  const ConfigAccess again = configAccess(config.config_file);
  access.readable.insert(access.readable.end(), again.readable.begin(), again.readable.end());
  if (again.only_in_place) {
    log.warn(
        "the folder of the configuration file holds what not everybody may read, and stays closed: write the file in "
        "place, or give it a folder of its own",
        {{"file", config.config_file}});
  }
  return access;
}

Result<catalog::VerifyKey> readVerifyKey(const std::string& file) {
  constexpr std::size_t kMostBytes = 4096;
  std::ifstream stream(file, std::ios::binary);
  std::string pem(kMostBytes, '\0');
  stream.read(pem.data(), static_cast<std::streamsize>(pem.size()));
  pem.resize(static_cast<std::size_t>(stream.gcount()));
  if (pem.empty()) return fail(ErrorCode::kNotFound, "cannot read the public key of the builder, " + file);
  auto key = catalog::parseVerifyKey(pem);
  if (!key) return fail(std::move(key.error()).within(file));
  return key;
}

// Landlock holds to the directory that the link led to at the start; stat is outside of its rules.
void warnOfALink(std::string path, Logger& log) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISLNK(status.st_mode)) return;
  log.warn(
      "the catalog directory is a link: turning it to another directory shows only after a restart; turn links "
      "inside of it instead",
      {{"directory", path}});
}

// Whoever may open the socket may ask: it is for this user only.
Result<FileDescriptor> openPrivately(const std::string& address) {
  const mode_t before = ::umask(0177);  // no thread exists yet that this could confuse
  auto listener = http::openListener({address, false});
  ::umask(before);
  return listener;
}

Result<FileDescriptor> openAdminListener(const std::string& wanted, const std::string& first_listener) {
  if (!wanted.empty()) return openPrivately(wanted);
  auto address = usualAdminAddress(first_listener, AdminPlaces::ofThisProcess());
  auto listener = address ? openPrivately(*address) : fail(std::move(address.error()));
  if (listener) return listener;
  return fail(listener.error().code(), "admin listener: " + listener.error().message() +
                                           "; name another place by --admin unix:/path, or do without by --admin none");
}

http::ServerLimits adminLimits() {
  http::ServerLimits limits;
  limits.max_connections = 64;
  limits.write_high_watermark = 64 << 20;  // an answer is written whole
  return limits;
}

AdmissionDesk::Settings deskSettings(const BoxConfig& config, const LiveConfig& live) {
  return {{live.capacity.memory, live.booking, config.engine.max_invocations, live.queue, live.kept_for_others},
          live.cpu_backlog};
}

}  // namespace

struct Box::Opened {
  std::vector<FileDescriptor> listeners;
  FileDescriptor admin_listener;
  FileDescriptor egress_listener;  // or none: calls leave directly
  FileDescriptor access_log;
  FileDescriptor function_log;
  std::unique_ptr<catalog::BuilderClient> builder;
  catalog::VerifyKey verify_key;
  std::optional<HistoryFile> history;
  std::shared_ptr<const http::TlsTrust> trust;  // or none: calls leave by the gateway
};

// What needs rights that the process is about to give up.
Result<Box::Opened> Box::open(const BoxConfig& config) {
  Opened opened;
  for (const std::string& address : config.listen) {
    auto listener = http::openListener({address, false});
    if (!listener) return fail(std::move(listener.error()));
    opened.listeners.push_back(std::move(*listener));
  }
  if (config.admin_listen != kNoAdmin) {
    auto listener = openAdminListener(config.admin_listen, http::listenerAddress(opened.listeners.front()));
    if (!listener) return fail(std::move(listener.error()));
    opened.admin_listener = std::move(*listener);
  }
  if (!config.egress_listen.empty()) {
    auto listener = openPrivately(config.egress_listen);
    if (!listener) return fail(std::move(listener.error()));
    opened.egress_listener = std::move(*listener);
  } else {
    auto trust = http::TlsTrust::load(http::ClientTls{});
    if (!trust) return fail(std::move(trust.error()));
    opened.trust = std::move(*trust);
  }
  auto access_log = LineLog::openTarget(config.access_log);
  if (!access_log) return fail(std::move(access_log.error()));
  auto function_log = LineLog::openTarget(config.function_log);
  if (!function_log) return fail(std::move(function_log.error()));
  opened.access_log = std::move(*access_log);
  opened.function_log = std::move(*function_log);
  if (config.compile == CompileMode::kNever) {
    auto key = readVerifyKey(config.verify_key_file);
    if (!key) return fail(std::move(key.error()));
    opened.verify_key = *key;
    return opened;
  }
  auto builder = catalog::BuilderClient::fork(config.builder);
  if (!builder) return fail(std::move(builder.error()));
  opened.verify_key = (*builder)->verifyKey();
  if ((*builder)->engineFingerprint() != engine::Engine::fingerprint()) {
    return fail(ErrorCode::kConflict, config.builder.compiler +
                                          " compiles for another engine than this program has; install both from one "
                                          "release");
  }
  opened.builder = std::move(*builder);
  return opened;
}

Result<std::unique_ptr<Box>> Box::start(BoxConfig config, Logger& log, BoxEvents events) {
  LeaseWatch::blockSignal();
  auto programs = programsWithin(
      {maxMappings(), raiseDescriptorLimit(), config.engine.max_invocations, config.programs.max_programs});
  if (!programs) return fail(std::move(programs.error()));
  config.programs.max_programs = *programs;
  auto opened = open(config);
  if (!opened) return fail(std::move(opened.error()));
  auto history = openHistory(config, log);
  if (!history) return fail(std::move(history.error()));
  opened->history = std::move(*history);
  if (config.lockdown == Lockdown::kOn) {
    auto walls = confineProcess(accessOf(config, opened->history, log));
    if (!walls) return fail(std::move(walls.error()));
    if (!walls->landlock) log.warn("this kernel has no Landlock: files are kept apart by permissions only");
    if (walls->landlock) warnOfALink(config.catalog_directory, log);
  }

  EgressServices egress = opened->trust ? EgressServices::direct(config.private_networks, std::move(opened->trust))
                                        : EgressServices::throughGateway(std::move(opened->egress_listener));
  auto engine = engine::Engine::create(config.engine);
  if (!engine) return fail(std::move(engine.error()).within("engine"));
  auto store = catalog::ModuleStore::open(config.store_directory, std::string(engine::Engine::fingerprint()),
                                          opened->verify_key);
  if (!store) return fail(std::move(store.error()));

  std::unique_ptr<Box> box(
      new Box(std::move(config), log, std::move(*opened), std::move(egress), std::move(*engine), std::move(*store)));
  box->events_ = std::move(events);
  if (auto catalog = box->openCatalog(); !catalog) return fail(std::move(catalog.error()));
  if (box->config_.lockdown == Lockdown::kOn) {
    const NewSockets sockets = box->config_.egress_listen.empty() ? NewSockets::kOutbound : NewSockets::kNone;
    if (auto confined = confineSystemCalls(sockets); !confined) return fail(std::move(confined.error()));
  }
  box->startThreads();
  return box;
}

Box::Box(BoxConfig config, Logger& log, Opened opened, EgressServices egress, std::unique_ptr<engine::Engine> engine,
         std::unique_ptr<catalog::ModuleStore> store)
    : config_(std::move(config)),
      log_(log),
      access_log_(std::move(opened.access_log), config_.log.buffered_bytes),
      function_log_(std::move(opened.function_log), config_.log.buffered_bytes),
      scheduler_(config_.workers, config_.invocation.slice, [this](std::size_t worker) { workers_[worker]->wakeUp(); }),
      desk_(deskSettings(config_, config_), scheduler_,
            [this](const AdmissionCall& call) { workers_[call.worker]->admitted(call); }),
      ledger_(
          config_.capacity.memory,
          [this](MemoryLedger::Waiter waiter) { workers_[waiter.worker]->growthGranted(waiter.token); },
          [this] { growthWaits(); }),
      engine_(std::move(engine)),
      store_(std::move(store)),
      builder_(std::move(opened.builder)),
      totals_(config_.metrics.functions),
      rebuilder_(
          config_.builder.max_parallel, [this](const catalog::FunctionPtr& function) { rebuild(function); }, log),
      admin_(*this, control_),
      live_(config_),
      max_mappings_(maxMappings()),
      collect_timer_(control_),
      governor_(config_.booking),
      memory_timer_(control_),
      relief_timer_(control_),
      histories_(std::move(opened.history), log_),
      history_timer_(control_) {
  ticker_.emplace(config_.workers, config_.invocation.tick, [this] { engine_->tick(); });
  programs_.emplace(*engine_, *store_, builder_.get(), config_.programs, log_);
  const std::uint64_t seed = randomSeed();
  for (std::uint32_t i = 0; i < config_.workers; ++i) {
    workers_.push_back(
        std::make_unique<Worker>(i, WorkerServices{config_, *engine_, *programs_, access_log_, function_log_, *ticker_,
                                                   scheduler_, desk_, ledger_, egress, seed, readiness_}));
  }
  for (FileDescriptor& listener : opened.listeners) {
    addresses_.push_back(http::listenerAddress(listener));
    for (auto& worker : workers_) worker->listen(listener.duplicate());
  }
  if (opened.admin_listener.valid()) {
    admin_address_ = http::listenerAddress(opened.admin_listener);
    admin_server_.emplace(control_, adminLimits(), admin_);
    admin_server_->listen(std::move(opened.admin_listener));
  }
}

Result<void> Box::openCatalog() {
  auto source = catalog::CatalogSource::open(
      config_.catalog_directory, log_,
      [this](catalog::CatalogPtr catalog) {
        control_.post([this, catalog = std::move(catalog)]() mutable {
          functionsChanged(std::move(catalog));
          rebuildForThisEngine();
        });
      },
      {config_.function_defaults, config_.front == Front::kGateway ? NameForm::kPlainOrNumbered : NameForm::kPlain,
       config_.secrets_directory});
  if (!source) return fail(std::move(source.error()).within("catalog"));
  source_ = std::move(*source);
  functionsChanged(source_->current());
  return {};
}

void Box::startThreads() {
  control_thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "control");
    while (!stopping_) control_.waitAndRun();
    admin_server_.reset();
  });
  control_.post([this] {
    collectNowAndThen();
    watchMemory();
    keepHistories();
  });
  for (auto& worker : workers_) worker->start();
  lease_watch_.emplace([this] {
    // Nobody begins on them any more, then who has begun ends.
    programs_->dropWanted();
    for (auto& worker : workers_) worker->giveWayToWriters();
  });
  // Unless the admin listener, which is up already, was told to drain.
  auto starting = Readiness::kStarting;
  readiness_.compare_exchange_strong(starting, Readiness::kReady);
}

Box::~Box() {
  // First, since the admin listener asks all the others.
  if (control_thread_.joinable()) {
    control_.post([this] { stopping_ = true; });
    control_thread_.join();
  }
  admin_server_.reset();
  lease_watch_.reset();
  source_.reset();
  for (auto& worker : workers_) worker->stop();
  if (functions_) writeHistories();
  // Loads in flight answer to the workers' loops, which still take posts.
  builder_.reset();
  programs_.reset();
  ticker_.reset();
  engine_.reset();
}

void Box::reconfigure(LiveConfig live) {
  control_.post([this, live = std::move(live)]() mutable {
    live_ = std::move(live);
    desk_.setSettings(deskSettings(config_, live_));
    ledger_.setCapacity(live_.capacity.memory);
    governor_.setAccepted(live_.booking);
    watchMemory();
    applyPolicy(Versions::kAsBefore);
  });
}

void Box::announceDrain() {
  readiness_ = Readiness::kDraining;
}

void Box::drain() {
  readiness_ = Readiness::kDraining;
  for (auto& worker : workers_) worker->drain();
}

bool Box::drained() const {
  for (const auto& worker : workers_) {
    if (!worker->idle()) return false;
  }
  return true;
}

void Box::functionsChanged(catalog::CatalogPtr catalog) {
  functions_ = std::make_shared<const FunctionTable>(std::move(catalog), accounts_, functions_.get());
  applyPolicy(Versions::kNew);
  totals_.keepOnly([this](const catalog::FunctionSpec& version) { return functions_->holds(version); });
  for (auto& worker : workers_) worker->setFunctions(functions_);
}

// What manifests and operator say of CPU, memory and concurrency, to whoever decides by it.
void Box::applyPolicy(Versions versions) {
  desk_.setTenants(tenantTerms());
  for (const auto& [spec, deployment] : functions_->deployments()) {
    const Accounts::Account& account = deployment.load->account;
    const auto code = versions == Versions::kNew ? deployment.code : policy::Admission::Code::kSame;
    scheduler_.setFunction(account.function(), account.tenant(), spec->limits.cpu, Clock::now());
    desk_.setFunction(account.function(), {account.tenant(), spec->limits.memory, spec->limits.concurrency}, code);
    if (code == policy::Admission::Code::kSame) continue;
    const auto history = histories_.take(spec->name, spec->module.toHex());
    if (history) desk_.restore(account.function(), *history);
  }
}

// Of those that have functions deployed.
std::vector<policy::Admission::TenantTerms> Box::tenantTerms() const {
  std::map<std::string_view, policy::TenantId> deployed;
  for (const auto& [spec, deployment] : functions_->deployments()) {
    deployed.emplace(spec->name.tenant, deployment.load->account.tenant());
  }
  std::vector<policy::Admission::TenantTerms> terms;
  for (const auto& [name, tenant] : deployed) {
    const auto found = live_.tenants.find(std::string(name));
    const TenantPolicy policy = found == live_.tenants.end() ? TenantPolicy{} : found->second;
    terms.push_back({tenant, policy.weight, policy.concurrency});
  }
  return terms;
}

void Box::collectNowAndThen() {
  collect([](const BoxFigures&) {});
  collect_timer_.arm(control_.now() + kCollectPeriod, [this] { collectNowAndThen(); });
}

// After an upgrade of the engine: what is deployed and was compiled before is compiled again before it is asked for.
void Box::rebuildForThisEngine() {
  if (!builder_) return;
  const std::vector<catalog::ModuleDigest> built = store_->builtForOtherEngines();
  const std::set<catalog::ModuleDigest> stale(built.begin(), built.end());
  std::vector<catalog::FunctionPtr> functions;
  for (const catalog::FunctionPtr& function : functions_->catalog().functions()) {
    if (stale.contains(function->module)) functions.push_back(function);
  }
  rebuilder_.setStale(functions);
}

void Box::rebuild(const catalog::FunctionPtr& function) {
  // A request may have had it built meanwhile.
  if (store_->has(function->module)) return control_.post([this] { rebuilder_.finished({}); });
  const auto done = [this](Result<void> result) {
    control_.post([this, result = std::move(result)] { rebuilder_.finished(result); });
  };
  builder_->build(function->module_file, function->module, done, catalog::BuildPriority::kBackground);
}

}  // namespace wasabi::box
