// A worker of the gateway: one thread, one event loop, its HTTP servers, and the requests that came in there.
//
//   onRequest --> RequestRouter: which version --> ProxiedRequest: through the desk to a target and back --> settled
//
// `/-/healthz` and `/-/readyz` are answered here; `/-/api/` goes to the API like a request to a function.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/file_descriptor.h"
#include "base/line_log.h"
#include "base/slot_map.h"
#include "base/unique_function.h"
#include "http/client.h"
#include "http/event_loop.h"
#include "http/request_id.h"
#include "http/server.h"
#include "node/dispatch_desk.h"
#include "node/egress.h"
#include "node/gateway_metrics.h"
#include "node/proxied_request.h"
#include "node/refusal.h"
#include "node/replay_budget.h"
#include "node/request_router.h"

namespace wasabi::node {

// Whether the gateway takes requests; read by all workers.
enum class Readiness : std::uint8_t { kStarting, kReady, kDraining };

// Each request has a connection to its target while it runs: as many as a box takes. What is kept idle of them spares
// the next requests half of what they would cost.
inline http::ClientLimits limitsToTargets() {
  http::ClientLimits limits;
  limits.max_connections = 20'000;
  limits.max_connections_per_partition = 20'000;
  limits.max_connections_per_origin = 10'000;
  limits.max_idle_per_origin = 512;
  return limits;
}

struct GatewayLimits {
  http::ServerLimits server;
  http::ClientLimits client = limitsToTargets();
  Duration api_timeout = std::chrono::hours(1);  // of followed logs and slow uploads
  std::uint32_t api_concurrency = 256;           // requests at once
  std::uint32_t most_hops = 8;                   // of functions that call each other: 508 beyond
};

// What the workers share. Everything outlives them and is thread-safe.
struct GatewayServices {
  const GatewayLimits& limits;
  DispatchDesk& desk;
  RequestRouter::Services routing;
  ReplayBudget& replays;
  LineLog& access_log;
  // Of containers' namespaces; see http::SocketFactory.
  std::function<http::SocketFactory()> container_sockets;
  const OutboundServices& outbound;
  policy::VersionId api;  // its number at the desk
  std::uint64_t seed;     // of request ids and of the draw of versions
  std::atomic<Readiness>& readiness;
};

// Taken on the worker's thread.
struct GatewayReport {
  GatewayMetrics metrics;     // since the last one
  OutboundCounters outbound;  // likewise
  http::ServerCounters http;
  std::size_t open_requests = 0;
};

class GatewayWorker final : private ProxiedRequestOwner, private FunctionCalls {
 public:
  GatewayWorker(std::size_t index, const GatewayServices& services);
  ~GatewayWorker() override;

  // Before start(). `tls`: null for clear text.
  void listen(FileDescriptor listener, std::shared_ptr<const http::ServerTls> tls);
  void listenInside(FileDescriptor listener);
  void start();

  // Thread-safe from here on.
  void use(platform::SnapshotPtr snapshot);
  // The turn has come of a request that waited.
  void called(const DispatchCall& call);
  // `take` runs on the worker's thread.
  void report(UniqueFunction<void(GatewayReport)> take);
  // `work` runs on the worker's thread.
  void withEgress(UniqueFunction<void(Egress&)> work);
  // Refuses those that wait for the version: nobody will serve it.
  void refuseWaiting(policy::VersionId version, Reason reason, std::string detail);
  void drain();
  bool idle() const { return idle_.load(std::memory_order_acquire); }
  // Cuts what still runs and ends the thread.
  void stop();

 private:
  // One of the two servers: tells the worker where a request came in.
  class Door final : public http::RequestHandler {
   public:
    Door(GatewayWorker& worker, Entrance entrance) : worker_(worker), entrance_(entrance) {}

   private:
    void onRequest(http::ServerStream& stream) override { worker_.onRequest(stream, entrance_); }
    bool takesUpgrades() const override { return true; }
    GatewayWorker& worker_;
    const Entrance entrance_;
  };
  struct Open;

  void onRequest(http::ServerStream& stream, Entrance entrance);
  void callFunction(http::ServerStream& stream, const platform::Version& caller, const http::EgressCall& call) override;
  void answerOwn(http::ServerStream& stream, std::string_view path);
  // What led to a request, where that was a function's call.
  struct Origin {
    std::uint32_t hops = 0;
    std::string_view trace_id = {};
  };
  void proxy(http::ServerStream& stream, Routed routed, const Origin& origin);
  void begin(http::ServerStream& stream, ProxiedRequest::Terms terms, platform::VersionPtr version);
  ProxiedRequest::Terms termsOf(http::ServerStream& stream, Duration timeout, const Origin& origin);
  void refuse(http::ServerStream& stream, const NotRouted& why_not);
  void settled(std::uint64_t token, const ProxiedRecord& record) override;
  void record(const ProxiedRecord& over, const platform::Version* version);
  void askAgainWhileAnyWaits();
  void run();
  void cutAll();

  const std::size_t index_;
  const GatewayServices services_;
  http::EventLoop loop_;
  http::Client superpods_;
  http::Client containers_;
  RequestRouter router_;
  http::RequestIdSource request_ids_;
  http::Timer ask_again_;  // targets get room without telling
  SlotMap<Open> open_;
  std::vector<std::unique_ptr<Open>> settled_;  // destroyed at the end of the turn
  GatewayMetrics metrics_;
  std::string line_;  // of the access log, kept for its memory
  Door public_door_;
  Door inside_door_;
  std::optional<http::Server> public_server_;
  std::optional<http::Server> inside_server_;
  std::optional<Egress> egress_;
  bool draining_ = false;
  bool stopping_ = false;
  std::atomic<bool> idle_{false};  // draining, and nothing left to do
  std::thread thread_;
};

}  // namespace wasabi::node
