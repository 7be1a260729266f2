// The life of a server: its threads, what they do now and then, and its end.
#include <pthread.h>

#include <filesystem>
#include <future>
#include <utility>

#include "serve/server.h"

namespace wasabi::serve {
namespace {

using namespace std::chrono_literals;

constexpr Duration kCollectMetrics = 1s;
constexpr Duration kKeepTidy = 10min;
constexpr Duration kLookAgain = 20ms;

}  // namespace

void Server::startThreads() {
  platform_->records().onChange([this](platform::SnapshotPtr snapshot) { recordsChanged(std::move(snapshot)); });
  recordsChanged(platform_->snapshot());
  gateway_->start();
  gateway_->setReady();
  control_thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "control");
    metrics_timer_.emplace(control_loop_);
    tidy_timer_.emplace(control_loop_);
    collectMetrics();
    keepTidy();
    while (!control_stops_) control_loop_.waitAndRun();
  });
  api_thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "api");
    while (!api_stops_) api_loop_.waitAndRun();
  });
  deployer_->resume();
}

// On whichever thread made the change.
void Server::recordsChanged(platform::SnapshotPtr snapshot) {
  gateway_->use(snapshot);
  log_files_->functionsChanged();
  control_loop_.post([this, snapshot] {
    facts_->use(snapshot);
    fleet_->use(snapshot);
    containers_->use(snapshot);
  });
  api_loop_.post([this] { api_->recordsChanged(); });
}

void Server::collectMetrics() {
  gateway_->report([this](std::vector<node::GatewayReport> reports) {
    control_loop_.post([this, reports = std::move(reports)] { facts_->add(reports); });
  });
  metrics_timer_->arm(control_loop_.now() + kCollectMetrics, [this] { collectMetrics(); });
}

// What superpods host must stay, as what is being built.
void Server::keepTidy() {
  platform::Leases leases = deployer_->leases();
  for (const platform::VersionName& version : fleet_->hostedVersions()) leases.versions.insert(version);
  for (const platform::VersionPtr& version : containers_->versionsInUse()) {
    leases.versions.insert({version->name(), version->number});
    leases.blobs.insert(version->image);  // of a function that was deleted meanwhile, too
  }
  work_.post([this, leases = std::move(leases)] {
    const auto say = [this](const char* what, const Error& error) { log_.warn(what, {{"reason", error.message()}}); };
    if (auto flushed = platform_->usage().flush(); !flushed) say("usage is not written", flushed.error());
    if (auto flushed = platform_->tokens().flush(); !flushed) say("use of tokens is not written", flushed.error());
    if (auto collected = platform_->collect(leases); !collected) say("not tidied", collected.error());
  });
  tidy_timer_->arm(control_loop_.now() + kKeepTidy, [this] { keepTidy(); });
}

void Server::reload() {
  if (!tls_) return;
  const http::ServerTls::Reload reloaded = tls_->reload();
  log_.info("certificates read again", {{"replaced", reloaded.replaced}});
  for (const Error& refused : reloaded.refused) log_.error("certificate refused", {{"reason", refused.message()}});
}

void Server::drain() {
  gateway_->drain();
  const TimePoint end = Clock::now() + config_.drain_timeout;
  while (!gateway_->idle() && Clock::now() < end) std::this_thread::sleep_for(kLookAgain);
  deployer_->stop();  // what it still builds goes on at the next start
  drainFleets(end);
}

// Superpods are asked what was used there, containers to end, and both go.
void Server::drainFleets(TimePoint end) {
  control_loop_.post([this] {
    fleet_->drain();
    containers_->drain();
  });
  while (Clock::now() < end) {
    std::promise<bool> empty;
    control_loop_.post([&] { empty.set_value(fleet_->empty() && containers_->empty()); });
    if (empty.get_future().get()) return;
    std::this_thread::sleep_for(kLookAgain);
  }
}

// Nobody asks any more, then nobody answers, then what was asked goes.
void Server::stop() {
  if (!control_thread_.joinable()) return;
  deployer_->stop();
  gateway_->stop();
  api_stops_ = true;
  api_loop_.post([] {});
  api_thread_.join();
  control_loop_.post([this] {
    probe_->stop();
    control_stops_ = true;
  });
  control_thread_.join();
}

Server::~Server() {
  stop();
  if (deployer_) deployer_->stop();  // where nothing was started
  api_server_.reset();
  api_.reset();
  builder_.reset();  // builds that are not done fail, and are told so
  containers_.reset();
  fleet_.reset();
  // What is still on its way to these threads may hold boxes, which have to end while there is somebody to tell.
  while (control_loop_.runReady() + api_loop_.runReady() > 0) {
  }
  if (platform_) {
    static_cast<void>(platform_->usage().flush());
    static_cast<void>(platform_->tokens().flush());
  }
  std::error_code ignored;
  if (!runtime_.empty()) std::filesystem::remove_all(runtime_, ignored);
}

}  // namespace wasabi::serve
