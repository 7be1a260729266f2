#include "node/gateway_worker.h"

#include <fmt/format.h>
#include <pthread.h>

#include <utility>

#include "base/json_line.h"
#include "base/log.h"
#include "http/proxy_headers.h"

namespace wasabi::node {
namespace {

constexpr std::string_view kOwnPrefix = "/-/";
constexpr std::string_view kApiPrefix = "/-/api/";
constexpr std::string_view kPseudonym = "wasabi";  // in Via
constexpr Duration kAskAgain = std::chrono::milliseconds(10);

void appendAccessLine(std::string& out, const ProxiedRecord& record, const platform::Version* version,
                      std::int64_t unix_ms) {
  JsonLine line(out, unix_ms);
  line.word("request", record.request_id);
  if (version) {
    line.word("tenant", version->name().tenant);
    line.word("function", version->name().function);
    line.number("version", version->number);
  }
  if (!record.target.empty()) line.word("target", record.target);
  line.text("method", record.method);
  line.text("path", record.path);
  line.number("status", record.status);
  if (record.reason != Reason::kNone) {
    line.word("reason", toString(record.reason));
  } else if (!record.outcome.empty()) {
    line.text("reason", record.outcome);
  }
  line.number("bytes_in", record.bytes_in);
  line.number("bytes_out", record.bytes_out);
  line.microseconds("wall_us", record.wall);
  line.microseconds("wait_us", record.queued);
  if (record.waited_for != Reason::kNone) line.word("waited_for", toString(record.waited_for));
  line.number("runs", record.runs);
  line.end();
}

}  // namespace

struct GatewayWorker::Open {
  Open(http::ServerStream& stream, ProxiedRequest::Terms terms, const ProxyServices& lent, ProxiedRequestOwner& owner,
       platform::VersionPtr its_version)
      : version(std::move(its_version)), request(stream, std::move(terms), lent, owner) {}

  const platform::VersionPtr version;  // null: a part of the platform
  ProxiedRequest request;
};

GatewayWorker::GatewayWorker(std::size_t index, const GatewayServices& services)
    : index_(index),
      services_(services),
      superpods_(loop_, services_.limits.client, http::unixConnector(loop_)),
      containers_(loop_, services_.limits.client, http::socketConnector(loop_, services_.container_sockets())),
      router_(services_.routing, services_.seed + index),
      request_ids_(services_.seed + index),
      ask_again_(loop_),
      public_door_(*this, Entrance::kPublic),
      inside_door_(*this, Entrance::kInside),
      public_server_(std::in_place, loop_, services_.limits.server, public_door_),
      inside_server_(std::in_place, loop_, services_.limits.server, inside_door_) {
  FunctionCalls& functions = *this;
  egress_.emplace(loop_, services_.outbound, functions);
}

GatewayWorker::~GatewayWorker() {
  stop();
}

void GatewayWorker::listen(FileDescriptor listener, std::shared_ptr<const http::ServerTls> tls) {
  if (tls) return public_server_->listen(std::move(listener), std::move(tls));
  public_server_->listen(std::move(listener));
}

void GatewayWorker::listenInside(FileDescriptor listener) {
  inside_server_->listen(std::move(listener));
}

// ---- the thread -----------------------------------------------------------------------------------------------------

void GatewayWorker::start() {
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "gateway");
    run();
  });
}

void GatewayWorker::run() {
  while (!stopping_) {
    loop_.waitAndRun();
    settled_.clear();
    if (draining_) {
      const bool idle = open_.size() == 0 && public_server_->idle() && inside_server_->idle();
      idle_.store(idle, std::memory_order_release);
    }
  }
  cutAll();
}

// Requests end as their streams are cut; one that was called meanwhile is settled when its call comes.
void GatewayWorker::cutAll() {
  std::vector<ProxiedRequest*> present;
  open_.forEach([&](Open& open) { present.push_back(&open.request); });
  for (ProxiedRequest* request : present) request->stop(Reason::kStopped);
  public_server_.reset();
  inside_server_.reset();
  egress_.reset();
  const TimePoint end = loop_.now() + std::chrono::seconds(1);
  while (open_.size() > 0 && Clock::now() < end) loop_.runReady();
  settled_.clear();
}

void GatewayWorker::stop() {
  if (!thread_.joinable()) return;
  loop_.post([this] { stopping_ = true; });
  thread_.join();
}

void GatewayWorker::drain() {
  loop_.post([this] {
    draining_ = true;
    public_server_->drain();
    inside_server_->drain();
  });
}

void GatewayWorker::use(platform::SnapshotPtr snapshot) {
  loop_.post([this, snapshot = std::move(snapshot)]() mutable { router_.use(std::move(snapshot)); });
}

void GatewayWorker::report(UniqueFunction<void(GatewayReport)> take) {
  loop_.post([this, take = std::move(take)]() mutable {
    take({std::exchange(metrics_, {}), egress_->takeCounters(), public_server_->counters(), open_.size()});
  });
}

void GatewayWorker::called(const DispatchCall& call) {
  loop_.post([this, call] {
    if (Open* open = open_.find(call.token)) open->request.called(call);
  });
}

void GatewayWorker::withEgress(UniqueFunction<void(Egress&)> work) {
  loop_.post([this, work = std::move(work)]() mutable {
    if (egress_) work(*egress_);
  });
}

void GatewayWorker::refuseWaiting(policy::VersionId version, Reason reason, std::string detail) {
  loop_.post([this, version, reason, detail = std::move(detail)] {
    std::vector<ProxiedRequest*> waiting;
    open_.forEach([&](Open& open) {
      if (open.request.waitsFor(version)) waiting.push_back(&open.request);
    });
    for (ProxiedRequest* request : waiting) request->notStarted(reason, detail);
  });
}

// ---- requests -------------------------------------------------------------------------------------------------------

void GatewayWorker::onRequest(http::ServerStream& stream, Entrance entrance) {
  const http::RequestHead& request = stream.request();
  const std::string_view path = request.path();
  const bool named = entrance == Entrance::kInside && request.headers.find("wasabi-version");
  if (path.starts_with(kOwnPrefix) && !named) return answerOwn(stream, path);
  if (!router_.ready()) return refuse(stream, {Reason::kNotReady});
  auto answer = router_.route(request, entrance, loop_.now());
  if (const auto* why_not = std::get_if<NotRouted>(&answer)) return refuse(stream, *why_not);
  proxy(stream, std::get<Routed>(std::move(answer)), {});
}

void GatewayWorker::callFunction(http::ServerStream& stream, const platform::Version& caller,
                                 const http::EgressCall& call) {
  if (!router_.ready()) return refuse(stream, {Reason::kNotReady});
  if (call.hops >= services_.limits.most_hops) {
    return refuse(stream, {Reason::kHops, fmt::format("{} functions have called each other to get here", call.hops)});
  }
  auto answer = router_.routeCall(stream.request(), caller.name().tenant, loop_.now());
  if (const auto* why_not = std::get_if<NotRouted>(&answer)) return refuse(stream, *why_not);
  proxy(stream, std::get<Routed>(std::move(answer)), {call.hops + 1, call.trace_id});
}

void GatewayWorker::answerOwn(http::ServerStream& stream, std::string_view path) {
  if (path.starts_with(kApiPrefix)) {
    ProxiedRequest::Terms terms = termsOf(stream, services_.limits.api_timeout, {});
    terms.version = services_.api;
    return begin(stream, std::move(terms), nullptr);
  }
  const Readiness readiness = services_.readiness.load(std::memory_order_relaxed);
  if (path == "/-/healthz") return sendText(stream, 200, "ok\n");
  if (path != "/-/readyz") return refuse(stream, {Reason::kNoRoute});
  if (readiness == Readiness::kReady) return sendText(stream, 200, "ready\n");
  sendText(stream, 503, readiness == Readiness::kStarting ? "starting\n" : "draining\n");
}

ProxiedRequest::Terms GatewayWorker::termsOf(http::ServerStream& stream, Duration timeout, const Origin& origin) {
  const http::RequestHead& request = stream.request();
  const std::string traceparent = http::traceparentFor(request.headers, request_ids_, origin.trace_id);
  ProxiedRequest::Terms terms;
  terms.client = stream.peerAddress();
  terms.request_id = http::traceIdOf(traceparent).value_or("");
  http::ProxiedClient client;
  client.address = terms.client;
  client.scheme = request.scheme;
  client.authority = request.authority;
  client.version = request.version;
  http::addProxiedRequestFields(request.headers, client, kPseudonym, traceparent, terms.headers);
  terms.hops = origin.hops;
  terms.arrived = loop_.now();
  terms.deadline = terms.arrived + timeout;
  return terms;
}

void GatewayWorker::proxy(http::ServerStream& stream, Routed routed, const Origin& origin) {
  ProxiedRequest::Terms terms = termsOf(stream, routed.timeout, origin);
  terms.version = routed.number;
  terms.route = std::move(routed.route);
  if (routed.shows_token) terms.headers.remove("authorization");
  begin(stream, std::move(terms), std::move(routed.version));
}

void GatewayWorker::begin(http::ServerStream& stream, ProxiedRequest::Terms terms, platform::VersionPtr version) {
  terms.token = open_.nextToken();
  const ProxyServices lent{loop_, superpods_, containers_, services_.desk, services_.replays, index_};
  ProxiedRequestOwner& owner = *this;
  auto open = std::make_unique<Open>(stream, std::move(terms), lent, owner, std::move(version));
  ProxiedRequest& request = open->request;
  open_.insert(std::move(open));
  request.begin();
  askAgainWhileAnyWaits();
}

void GatewayWorker::askAgainWhileAnyWaits() {
  if (ask_again_.armed() || !services_.desk.anyWaits()) return;
  ask_again_.arm(loop_.now() + kAskAgain, [this] {
    services_.desk.callNext(loop_.now());
    askAgainWhileAnyWaits();
  });
}

// ---- the end --------------------------------------------------------------------------------------------------------

void GatewayWorker::refuse(http::ServerStream& stream, const NotRouted& why_not) {
  const std::string request_id(
      http::traceIdOf(http::traceparentFor(stream.request().headers, request_ids_)).value_or(""));
  ProxiedRecord refusal;
  refusal.request_id = request_id;
  refusal.method = stream.request().method;
  refusal.path = stream.request().path();
  refusal.status = statusOf(why_not.reason);
  refusal.reason = why_not.reason;
  record(refusal, nullptr);
  sendRefusal(stream, {why_not.reason, why_not.detail, why_not.retry_after}, request_id);
}

void GatewayWorker::settled(std::uint64_t token, const ProxiedRecord& over) {
  std::unique_ptr<Open> open = open_.remove(token);
  record(over, open->version.get());
  settled_.push_back(std::move(open));
  askAgainWhileAnyWaits();
}

void GatewayWorker::record(const ProxiedRecord& over, const platform::Version* version) {
  metrics_.add(over, version);
  if (!services_.access_log.enabled()) return;
  line_.clear();
  appendAccessLine(line_, over, version, unixMilliseconds());
  services_.access_log.append(line_);
}

}  // namespace wasabi::node
