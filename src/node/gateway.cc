#include "node/gateway.h"

#include <mutex>
#include <utility>

namespace wasabi::node {
namespace {

// The API is the first target that there is.
constexpr policy::TargetId kApiTarget{0};

}  // namespace

Gateway::Gateway(GatewayConfig config, Services services)
    : config_(std::move(config)),
      services_(std::move(services)),
      desk_(config_.queue, {[this](const DispatchCall& call) { workers_[call.worker]->called(call); },
                            [this](policy::VersionId version) { services_.wanted(version); }}),
      registry_(desk_),
      replays_(config_.replays) {
  const policy::VersionId api = registry_.numberOfOwn("api", config_.limits.api_concurrency);
  auto target = std::make_shared<Target>();
  target->id = kApiTarget;
  target->kind = Target::Kind::kOwn;
  target->name = "api";
  target->endpoint.name = config_.api;
  desk_.addTarget(std::move(target), {});
  desk_.serves(kApiTarget, api, Clock::now());

  for (std::size_t i = 0; i < config_.workers; ++i) {
    workers_.push_back(
        std::make_unique<GatewayWorker>(i, GatewayServices{config_.limits,
                                                           desk_,
                                                           {registry_, services_.tokens, rates_, services_.unix_ms},
                                                           replays_,
                                                           services_.access_log,
                                                           services_.container_sockets,
                                                           services_.outbound,
                                                           api,
                                                           config_.seed,
                                                           readiness_}));
  }
}

Gateway::~Gateway() {
  stop();
}

Result<std::unique_ptr<Gateway>> Gateway::open(GatewayConfig config, Services services) {
  std::unique_ptr<Gateway> gateway(new Gateway(std::move(config), std::move(services)));
  if (auto listening = gateway->listenAll(); !listening) return tl::unexpected(std::move(listening.error()));
  return gateway;
}

Result<void> Gateway::listenAll() {
  for (const std::string& address : config_.listen) {
    if (auto listening = listen(address, nullptr); !listening) return listening;
  }
  for (const std::string& address : config_.listen_tls) {
    if (auto listening = listen(address, config_.tls); !listening) return listening;
  }
  auto inside = http::openListener({"unix:" + config_.inside, false});
  if (!inside) return tl::unexpected(std::move(inside.error()));
  workers_[0]->listenInside(std::move(*inside));
  return {};
}

// All workers accept from duplicates of one socket.
Result<void> Gateway::listen(const std::string& address, const std::shared_ptr<const http::ServerTls>& tls) {
  auto listener = http::openListener({address, false});
  if (!listener) return tl::unexpected(std::move(listener.error()));
  addresses_.push_back(http::listenerAddress(*listener));
  for (const auto& worker : workers_) {
    FileDescriptor its_own = listener->duplicate();
    if (!its_own.valid()) return fail(ErrorCode::kExhausted, "too many open files; raise the limit (ulimit -n)");
    worker->listen(std::move(its_own), tls);
  }
  return {};
}

void Gateway::start() {
  for (const auto& worker : workers_) worker->start();
}

void Gateway::use(const platform::SnapshotPtr& snapshot) {
  registry_.update(*snapshot);
  for (const policy::Dispatch::Beyond& beyond : desk_.waitingInVain()) {
    refuseWaiting(beyond.version, Reason::kTenantMemory, explain(beyond));
  }
  for (const auto& worker : workers_) worker->use(snapshot);
}

void Gateway::setReady() {
  readiness_.store(Readiness::kReady, std::memory_order_relaxed);
}

void Gateway::refuseWaiting(policy::VersionId version, Reason reason, const std::string& detail) {
  for (const auto& worker : workers_) worker->refuseWaiting(version, reason, detail);
}

void Gateway::report(UniqueFunction<void(std::vector<GatewayReport>)> take) {
  struct Gathering {
    std::mutex mutex;
    std::vector<GatewayReport> reports;
    UniqueFunction<void(std::vector<GatewayReport>)> take;
  };
  auto gathering = std::make_shared<Gathering>();
  gathering->take = std::move(take);
  for (const auto& worker : workers_) {
    worker->report([gathering, all = workers_.size()](GatewayReport report) {
      {
        const std::scoped_lock lock(gathering->mutex);
        gathering->reports.push_back(std::move(report));
        if (gathering->reports.size() < all) return;
      }
      gathering->take(std::move(gathering->reports));
    });
  }
}

GatewayWorker& Gateway::egressOf(policy::TargetId target) {
  return *workers_[target.value % workers_.size()];
}

void Gateway::connectTo(policy::TargetId superpod, const std::string& socket, std::uint32_t box_workers) {
  egressOf(superpod).withEgress(
      [superpod, socket, box_workers](Egress& egress) { egress.door(superpod).connectTo(socket, box_workers); });
}

void Gateway::serveContainer(policy::TargetId container, FileDescriptor listener, const platform::VersionPtr& version) {
  egressOf(container).withEgress([container, listener = std::move(listener), version](Egress& egress) mutable {
    egress.serveContainer(container, std::move(listener), version);
  });
}

void Gateway::disconnect(policy::TargetId target) {
  egressOf(target).withEgress([target](Egress& egress) { egress.close(target); });
}

void Gateway::admit(policy::TargetId superpod, const platform::VersionPtr& version) {
  egressOf(superpod).withEgress([superpod, version](Egress& egress) { egress.door(superpod).admit(version); });
}

void Gateway::dismiss(policy::TargetId superpod, const platform::VersionName& version) {
  egressOf(superpod).withEgress([superpod, version](Egress& egress) { egress.door(superpod).dismiss(version); });
}

void Gateway::drain() {
  readiness_.store(Readiness::kDraining, std::memory_order_relaxed);
  for (const auto& worker : workers_) worker->drain();
}

bool Gateway::idle() const {
  for (const auto& worker : workers_) {
    if (!worker->idle()) return false;
  }
  return true;
}

void Gateway::stop() {
  for (const auto& worker : workers_) worker->stop();
}

}  // namespace wasabi::node
