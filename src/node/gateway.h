// The front door of the machine: listeners and workers, the desk that sends requests to targets, and what all of them
// share. Who serves (addTarget, serves) is told to the desk by others.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/line_log.h"
#include "base/unique_function.h"
#include "http/server_tls.h"
#include "node/dispatch_desk.h"
#include "node/egress.h"
#include "node/egress_doors.h"
#include "node/gateway_worker.h"
#include "node/replay_budget.h"
#include "node/tenant_rates.h"
#include "node/version_registry.h"
#include "platform/platform_snapshot.h"
#include "platform/tokens.h"

namespace wasabi::node {

struct GatewayConfig {
  std::size_t workers = 1;
  std::vector<std::string> listen;      // clear text: "host:port" or "unix:/path"
  std::vector<std::string> listen_tls;  // with `tls`
  std::shared_ptr<const http::ServerTls> tls;
  std::string inside;  // path of the unix socket that only the platform may use
  std::string api;     // path of the unix socket at which the API listens
  GatewayLimits limits;
  policy::QueueBounds queue;
  std::size_t replays = 1'024;  // requests whose bodies are kept at once: 64 MiB
  std::uint64_t seed = 0;
};

class Gateway final : public EgressDoors {
 public:
  struct Services {
    platform::Tokens& tokens;
    LineLog& access_log;
    std::function<http::SocketFactory()> container_sockets;
    OutboundServices outbound;
    std::function<std::int64_t()> unix_ms;
    // A request waits for it and nobody serves it; on any thread, for each that comes.
    UniqueFunction<void(policy::VersionId)> wanted;
  };

  // Opens the listeners; an error names the address and the mend. Takes no request before start().
  static Result<std::unique_ptr<Gateway>> open(GatewayConfig config, Services services);
  // As stop().
  ~Gateway() override;
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // Where it listens, with the ports that the kernel chose; those with TLS after the others.
  const std::vector<std::string>& addresses() const { return addresses_; }
  DispatchDesk& desk() { return desk_; }
  VersionRegistry& registry() { return registry_; }

  void start();
  // Thread-safe from here on.
  void use(const platform::SnapshotPtr& snapshot);
  void setReady();
  void refuseWaiting(policy::VersionId version, Reason reason, const std::string& detail);
  // `take` is called once, on the thread of some worker.
  void report(UniqueFunction<void(std::vector<GatewayReport>)> take);

  // EgressDoors: each target calls out through one of the workers.
  void connectTo(policy::TargetId superpod, const std::string& socket, std::uint32_t box_workers) override;
  void serveContainer(policy::TargetId container, FileDescriptor listener,
                      const platform::VersionPtr& version) override;
  void disconnect(policy::TargetId target) override;
  void admit(policy::TargetId superpod, const platform::VersionPtr& version) override;
  void dismiss(policy::TargetId superpod, const platform::VersionName& version) override;

  // Takes no more connections and lets what runs finish; then idle().
  void drain();
  bool idle() const;
  void stop();

 private:
  Gateway(GatewayConfig config, Services services);
  Result<void> listenAll();
  GatewayWorker& egressOf(policy::TargetId target);
  Result<void> listen(const std::string& address, const std::shared_ptr<const http::ServerTls>& tls);

  const GatewayConfig config_;
  Services services_;
  std::atomic<Readiness> readiness_{Readiness::kStarting};
  DispatchDesk desk_;
  VersionRegistry registry_;
  TenantRates rates_;
  ReplayBudget replays_;
  std::vector<std::string> addresses_;
  std::vector<std::unique_ptr<GatewayWorker>> workers_;
};

}  // namespace wasabi::node
