#include "queueproxy/queue_proxy.h"

#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "http/client.h"
#include "http/event_loop.h"
#include "http/server.h"
#include "http/server_tls.h"
#include "queueproxy/app_dialer.h"
#include "queueproxy/app_prober.h"
#include "queueproxy/box_watch.h"
#include "queueproxy/data_door.h"
#include "queueproxy/drain_door.h"
#include "queueproxy/places.h"
#include "queueproxy/proxy_limits.h"
#include "queueproxy/request_statistics.h"
#include "queueproxy/stat_door.h"
#include "queueproxy/telemetry.h"
#include "queueproxy/tls_renewal.h"

namespace wasabi::queueproxy {
namespace {

std::optional<Places> placesFor(const QueueProxyConfig& config) {
  const auto limits = breakerLimits(config.container_concurrency, config.superpod);
  return limits ? std::optional<Places>(std::in_place, *limits) : std::nullopt;
}

Drain::Settings drainSettings(const QueueProxyConfig& config) {
  Drain::Settings settings;
  settings.quiet = config.drain_quiet;
  return settings;
}

http::TlsTerms termsOf(const TlsSettings& settings) {
  const auto version = [](TlsVersion one) {
    return one == TlsVersion::kTls12 ? http::TlsTerms::Version::k12 : http::TlsTerms::Version::k13;
  };
  return {version(settings.min), version(settings.max), fmt::format("{}", fmt::join(settings.cipher_suites, ":")),
          fmt::format("{}", fmt::join(settings.curves, ":"))};
}

bool hasCertificate(const Files& files) {
  return ::access(files.certificate.c_str(), F_OK) == 0 && ::access(files.key.c_str(), F_OK) == 0;
}

// Without an address all of both families, as pods may have either; where the machine has no IPv6, all of IPv4.
Result<FileDescriptor> listenAt(const std::string& address, std::uint16_t port) {
  if (address.empty()) {
    auto both = http::openListener({fmt::format("[::]:{}", port)});
    return both ? std::move(both) : http::openListener({fmt::format(":{}", port)});
  }
  const bool v6 = address.find(':') != std::string::npos;
  return http::openListener({fmt::format("{}{}{}:{}", v6 ? "[" : "", address, v6 ? "]" : "", port)});
}

}  // namespace

struct QueueProxy::Impl {
  Impl(QueueProxyConfig its_config, Logger& its_log, UniqueFunction<void()> its_on_done)
      : config(std::move(its_config)), log(its_log), on_done(std::move(its_on_done)) {}

  Result<void> open();
  Result<FileDescriptor> listenerAt(std::uint16_t port, const char* what);
  Result<void> openTls();
  void run();
  void phaseBegins(Drain::Phase phase);

  const QueueProxyConfig config;
  Logger& log;
  UniqueFunction<void()> on_done;
  std::vector<ListeningAt> addresses;

  // From here on all lives on the loop's thread, once that runs.
  http::EventLoop loop;
  http::Client app{loop, appClientLimits(), patientConnector(loop, loopbackConnector(loop), DialPatience{})};
  RequestStatistics statistics{loop.now()};
  std::optional<Places> places{placesFor(config)};
  AppProber prober{loop, config.readiness};
  std::optional<BoxWatch> box;
  DrainDoor drain{loop,
                  drainSettings(config),
                  {[this] { return data->open(); }, [this](Drain::Phase phase) { phaseBegins(phase); }}};
  std::unique_ptr<Telemetry> telemetry;
  std::optional<DataDoor> data;
  std::optional<StatDoor> stat;
  std::optional<TlsRenewal> tls_renewal;
  // These end their streams, and so what is open.
  std::optional<http::Server> data_server;
  std::optional<http::Server> admin_server;
  std::optional<http::Server> stat_server;
  std::optional<http::Server> metrics_server;

  std::atomic<bool> stopping{false};
  std::thread thread;
};

Result<FileDescriptor> QueueProxy::Impl::listenerAt(std::uint16_t port, const char* what) {
  auto listener = listenAt(config.addresses.bind_address, port);
  if (!listener) return fail(std::move(listener.error()).within(what));
  addresses.push_back({what, http::listenerAddress(*listener)});
  return listener;
}

Result<void> QueueProxy::Impl::openTls() {
  if (!hasCertificate(config.files)) return {};
  auto tls = http::ServerTls::load({{config.files.certificate, config.files.key}}, termsOf(config.tls));
  if (!tls) return fail(std::move(tls.error()));
  auto listener = listenerAt(config.addresses.serving_tls_port, "data-tls");
  if (!listener) return fail(std::move(listener.error()));
  tls_renewal.emplace(loop, *tls, log);
  data_server->listen(std::move(*listener), *tls);
  return {};
}

Result<void> QueueProxy::Impl::open() {
  if (config.superpod.on) box.emplace(loop, config.superpod.box_admin, config.superpod.memory_unit, log);
  const BoxWatch* const watch = box ? &*box : nullptr;
  Places* const limit = places ? &*places : nullptr;
  auto opened = Telemetry::open(loop, config, limit, std::random_device()(), log);
  if (!opened) return fail(std::move(opened.error()));
  telemetry = std::move(*opened);
  const PassServices pass{loop, app, config, statistics, limit, *telemetry};
  data.emplace(DataDoor::Services{pass, prober, watch, drain});
  stat.emplace(loop, config.revision.pod, statistics, watch, limit);

  const auto serve = [this](std::optional<http::Server>& server, http::RequestHandler& handler, std::uint16_t port,
                            const char* what) -> Result<void> {
    auto listener = listenerAt(port, what);
    if (!listener) return fail(std::move(listener.error()));
    server.emplace(loop, serverLimits(), handler);
    server->listen(std::move(*listener));
    return {};
  };
  if (auto served = serve(data_server, *data, config.addresses.serving_port, "data"); !served) return served;
  if (auto served = openTls(); !served) return served;
  if (auto served = serve(admin_server, drain, config.addresses.admin_port, "admin"); !served) return served;
  if (telemetry->hasMetrics()) {
    auto served = serve(metrics_server, *telemetry, config.addresses.user_metrics_port, "user-metrics");
    if (!served) return served;
  }
  return serve(stat_server, *stat, config.addresses.autoscaler_port, "autoscaler");
}

void QueueProxy::Impl::phaseBegins(Drain::Phase phase) {
  switch (phase) {
    case Drain::Phase::kServing:
      log.info("serving again: nobody has ended the pod");
      break;
    case Drain::Phase::kQuieting:
      log.info("draining: probes fail, requests are served");
      break;
    case Drain::Phase::kClosing:
      log.info("draining: listeners closed", {{"requests", data->open().requests}});
      data_server->drain();
      break;
    case Drain::Phase::kTunnels:
      log.info("draining: only upgraded connections are open", {{"tunnels", data->open().tunnels}});
      break;
    case Drain::Phase::kDone:
      telemetry->finish([this] { on_done(); });
      break;
  }
}

void QueueProxy::Impl::run() {
  while (!stopping) {
    loop.waitAndRun();
    data->sweep();
  }
  data_server.reset();
  admin_server.reset();
  stat_server.reset();
  metrics_server.reset();
  data->sweep();
}

QueueProxy::QueueProxy(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
  impl_->thread = std::thread([impl = impl_.get()] {
    ::pthread_setname_np(::pthread_self(), "queue-proxy");
    impl->run();
  });
}

QueueProxy::~QueueProxy() {
  impl_->loop.post([impl = impl_.get()] { impl->stopping = true; });
  impl_->thread.join();
}

Result<std::unique_ptr<QueueProxy>> QueueProxy::start(QueueProxyConfig config, Logger& log,
                                                      UniqueFunction<void()> on_done) {
  auto impl = std::make_unique<Impl>(std::move(config), log, std::move(on_done));
  if (auto opened = impl->open(); !opened) {
    // What streams there are, are the servers'.
    return fail(std::move(opened.error()));
  }
  return std::unique_ptr<QueueProxy>(new QueueProxy(std::move(impl)));
}

const std::vector<ListeningAt>& QueueProxy::addresses() const {
  return impl_->addresses;
}

void QueueProxy::terminate() {
  impl_->loop.post([impl = impl_.get()] { impl->drain.terminate(); });
}

}  // namespace wasabi::queueproxy
