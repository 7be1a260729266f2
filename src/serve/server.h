// `wasabi serve`: a platform, a gateway, superpods and an API, put together and run.
//
//   threads: gateway workers | control (fleet, metrics, checks) | api | superpods (sandbox) | work (disk) | builder
//   client
//
// What is made first is destroyed last; stop() ends the threads in the order in which they need each other.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "api/api.h"
#include "base/error.h"
#include "base/line_log.h"
#include "base/log.h"
#include "catalog/builder.h"
#include "deploy/deployer.h"
#include "node/container_fleet.h"
#include "node/fleet.h"
#include "node/gateway.h"
#include "platform/platform.h"
#include "serve/container_services.h"
#include "serve/function_lines.h"
#include "serve/function_log_files.h"
#include "serve/machine_facts.h"
#include "serve/version_probe.h"

namespace wasabi::serve {

struct ServeConfig {
  std::string data_directory;
  std::vector<std::string> listen = {"127.0.0.1:8080"};
  std::vector<std::string> listen_tls;
  std::vector<std::string> certificates;  // "certificate.pem,key.pem", or a file with both; the first is the default
  std::string base_domain;
  std::uint32_t workers = 1;            // of the gateway
  std::uint32_t superpod_workers = 1;   // of each box
  ByteSize machine_memory{4ull << 30};  // that superpods and containers may have together
  ByteSize superpod_memory{1ull << 30};
  double superpod_cores = 1;
  std::uint32_t most_superpods = 4;
  std::uint32_t spares = 1;
  Duration idle_period = std::chrono::seconds(60);
  policy::BookingMode booking;      // of superpods
  bool private_networks = false;    // functions may call private, loopback and link-local addresses
  bool private_registries = false;  // modules are pulled from any address, of this machine and its networks too
  std::string backend = "process";  // as sandbox::BackendConfig has it
  std::string search_path;          // of OCI runtimes
  std::string containers = "auto";  // what runs container functions: likewise, without "process"; or "none"
  Duration container_idle = std::chrono::seconds(90);  // without a request, until the last container goes
  std::string box_program;
  std::string compiler;
  std::string access_log;    // file, "-" for standard output, empty for none
  std::string function_log;  // likewise
  catalog::FunctionLimits function_defaults;
  Duration drain_timeout = std::chrono::seconds(30);
};

class Server {
 public:
  // On the main thread, before any other exists: the builder is forked. An error names what is in the way and the mend.
  static Result<std::unique_ptr<Server>> start(ServeConfig config, Logger& log);
  ~Server();

  // The first token of this data directory, shown this once; nothing where there are some already.
  const std::optional<std::string>& firstToken() const { return first_token_; }
  const std::vector<std::string>& addresses() const { return gateway_->addresses(); }
  std::string_view backend() const { return backend_->name(); }
  // "runc"; or "none: " and why.
  std::string containersBy() const;
  // Where people reach it: "http://127.0.0.1:8080".
  std::string url() const { return facts_->url(); }

  // Certificates are read again.
  void reload();
  // Lets what runs finish, for no longer than the drain timeout.
  void drain();

 private:
  Server(ServeConfig config, Logger& log);
  Result<void> openAll();
  Result<void> makeFirstToken();
  Result<void> openFunctionLogs();
  Result<void> openContainers();
  Result<void> openGateway();
  void makeFleet();
  oci::RegistryOptions registries() const;
  Result<platform::SecretValue> secretOf(const std::string& tenant, const std::string& name) const;
  void refuseWaiting(policy::VersionId version, node::Reason reason, const std::string& why);
  void wasUsed(const std::vector<node::TenantUse>& used);
  Result<void> openApi();
  void startThreads();
  void recordsChanged(platform::SnapshotPtr snapshot);
  void collectMetrics();
  void keepTidy();
  void drainFleets(TimePoint end);
  void stop();

  const ServeConfig config_;
  Logger& log_;
  std::string runtime_;
  std::optional<std::string> first_token_;
  std::unique_ptr<platform::Platform> platform_;
  std::unique_ptr<catalog::BuilderClient> builder_;
  std::unique_ptr<LineLog> access_log_;
  std::unique_ptr<LineLog> function_log_;
  std::shared_ptr<http::ServerTls> tls_;
  http::EventLoop control_loop_;
  http::EventLoop api_loop_;
  std::unique_ptr<FunctionLogFiles> log_files_;
  std::unique_ptr<FunctionLines> lines_;
  std::unique_ptr<sandbox::Backend> backend_;
  std::unique_ptr<node::Gateway> gateway_;
  node::TargetNumbers targets_;
  node::MachineRoom room_;
  std::unique_ptr<node::Fleet> fleet_;
  std::unique_ptr<deploy::ImageStore> images_;
  WorkThread image_work_;
  std::unique_ptr<sandbox::ContainerRunner> container_runner_;
  std::optional<std::string> no_containers_;  // why there are none
  node::ContainerSockets container_sockets_;
  std::unique_ptr<node::ContainerFleet> containers_;
  std::unique_ptr<FleetAsHost> container_host_;
  std::unique_ptr<VersionProbe> probe_;
  std::unique_ptr<deploy::BuilderCompiler> compiler_;
  std::unique_ptr<deploy::Deployer> deployer_;
  std::unique_ptr<MachineFacts> facts_;
  std::unique_ptr<api::Api> api_;
  std::unique_ptr<http::Server> api_server_;
  std::optional<http::Timer> metrics_timer_;
  std::optional<http::Timer> tidy_timer_;
  std::atomic<bool> control_stops_{false};
  std::atomic<bool> api_stops_{false};
  std::thread control_thread_;
  std::thread api_thread_;
  WorkThread work_;  // tidying
};

}  // namespace wasabi::serve
