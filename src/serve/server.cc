#include "serve/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <utility>

#include "node/container_asking.h"
#include "sandbox/backend_choice.h"
#include "sandbox/container_config.h"
#include "serve/no_containers.h"
#include "serve/registry_access.h"
#include "serve/runtime_directory.h"

namespace wasabi::serve {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr Duration kShortestWindow = 6s;
constexpr Duration kLongestWindow = 60s;
// A module may come in a layer with more beside it; all of it lies in incoming/ meanwhile.
constexpr ByteSize kLargestPulledBlob{512ull << 20};
constexpr ByteSize kLargestPull{1ull << 30};
constexpr std::size_t kBufferedLogBytes = 4 << 20;

std::uint64_t randomSeed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

Result<std::unique_ptr<LineLog>> openLog(const std::string& target) {
  auto file = LineLog::openTarget(target);
  if (!file) return fail(std::move(file.error()));
  return std::make_unique<LineLog>(std::move(*file), kBufferedLogBytes);
}

// What to type to reach an address that may be any of this machine's.
std::string urlOf(std::string_view scheme, std::string address) {
  if (address.starts_with("unix:")) return address;
  if (address.starts_with("0.0.0.0:")) address.replace(0, 7, "127.0.0.1");
  if (address.starts_with("[::]:")) address.replace(0, 4, "[::1]");
  return fmt::format("{}://{}", scheme, address);
}

// "certificate.pem,key.pem", or one file with both.
http::TlsIdentity identityOf(const std::string& files) {
  const std::size_t comma = files.find(',');
  if (comma == std::string::npos) return {files, files};
  return {files.substr(0, comma), files.substr(comma + 1)};
}

}  // namespace

Server::Server(ServeConfig config, Logger& log)
    : config_(std::move(config)), log_(log), room_(config_.machine_memory) {}

Result<std::unique_ptr<Server>> Server::start(ServeConfig config, Logger& log) {
  std::unique_ptr<Server> server(new Server(std::move(config), log));
  if (auto opened = server->openAll(); !opened) return fail(std::move(opened.error()));
  server->startThreads();
  return server;
}

Result<void> Server::openAll() {
  platform::PlatformConfig platform;
  platform.directory = config_.data_directory;
  platform.base_domain = config_.base_domain;
  platform.default_limits = config_.function_defaults;
  auto opened = platform::Platform::open(std::move(platform), log_);
  if (!opened) return fail(std::move(opened.error()));
  platform_ = std::move(*opened);
  const std::string& data = platform_->directory();

  catalog::BuilderConfig building;
  building.store_directory = data + "/store";
  building.key_file = platform_->signingKeyPath();
  building.compiler = config_.compiler;
  auto builder = catalog::BuilderClient::fork(building);
  if (!builder) return fail(std::move(builder.error()).within("builder"));
  builder_ = std::move(*builder);

  auto runtime = makeRuntimeDirectory(data);
  if (!runtime) return fail(std::move(runtime.error()));
  runtime_ = std::move(*runtime);
  std::error_code ignored;
  fs::remove_all(data + "/superpods", ignored);
  if (auto made = makeFirstToken(); !made) return made;

  auto access_log = openLog(config_.access_log);
  if (!access_log) return fail(std::move(access_log.error()));
  access_log_ = std::move(*access_log);
  if (auto logs = openFunctionLogs(); !logs) return logs;

  if (!config_.certificates.empty()) {
    std::vector<http::TlsIdentity> identities;
    for (const std::string& files : config_.certificates) identities.push_back(identityOf(files));
    auto tls = http::ServerTls::load(identities);
    if (!tls) return fail(std::move(tls.error()));
    tls_ = std::move(*tls);
  }
  auto backend =
      sandbox::chooseBackend({config_.backend, config_.search_path, data + "/sandbox", config_.box_program}, log_);
  if (!backend) return fail(std::move(backend.error()));
  backend_ = std::move(*backend);

  if (auto gateway = openGateway(); !gateway) return gateway;
  makeFleet();
  if (auto containers = openContainers(); !containers) return containers;
  return openApi();
}

Result<void> Server::openGateway() {
  node::GatewayConfig front;
  front.workers = config_.workers;
  front.listen = config_.listen;
  front.listen_tls = config_.listen_tls;
  front.tls = tls_;
  front.inside = runtime_ + "/inside.sock";
  front.api = runtime_ + "/api.sock";
  front.seed = randomSeed();
  auto direct = http::openDirectServices(http::ClientTls{}, http::ResolverLimits{});
  if (!direct) return fail(std::move(direct.error()));
  node::OutboundServices outbound{
      std::move(*direct), config_.private_networks ? http::anyAddress() : http::publicAddresses(), {}};
  auto gateway = node::Gateway::open(
      std::move(front), {platform_->tokens(), *access_log_, [this] { return container_sockets_.factory(); },
                         std::move(outbound), unixMilliseconds,
                         [this](policy::VersionId version) {
                           fleet_->wanted(version);
                           containers_->wanted(version);
                         }});
  if (!gateway) return fail(std::move(gateway.error()));
  gateway_ = std::move(*gateway);
  return {};
}

Result<platform::SecretValue> Server::secretOf(const std::string& tenant, const std::string& name) const {
  return platform_->secrets().get(tenant, name);
}

void Server::refuseWaiting(policy::VersionId version, node::Reason reason, const std::string& why) {
  gateway_->refuseWaiting(version, reason, why);
}

void Server::makeFleet() {
  node::FleetSettings fleet;
  fleet.superpod.directory = platform_->directory() + "/superpods";
  fleet.superpod.runtime = runtime_;
  fleet.superpod.program = config_.box_program;
  fleet.superpod.verify_key = platform_->signingKeyPath() + ".pub";
  fleet.superpod.fingerprint = builder_->engineFingerprint();
  fleet.superpod.memory = config_.superpod_memory;
  fleet.superpod.cores = config_.superpod_cores;
  fleet.superpod.workers = config_.superpod_workers;
  fleet.superpod.booking = config_.booking;
  fleet.superpod.log_line = [this](std::string_view line) {
    if (!lines_->add(line)) log_.info("a superpod says", {{"line", line}});
  };
  fleet.spares = config_.spares;
  fleet.most = config_.most_superpods;
  fleet.idle_period = config_.idle_period;
  fleet_ = std::make_unique<node::Fleet>(
      std::move(fleet),
      node::Fleet::Services{control_loop_, gateway_->desk(), gateway_->registry(), targets_, room_, *gateway_,
                            *backend_, platform_->blobs(), std::bind_front(&Server::secretOf, this),
                            std::bind_front(&Server::refuseWaiting, this), std::bind_front(&Server::wasUsed, this),
                            log_});
}

void Server::wasUsed(const std::vector<node::TenantUse>& used) {
  constexpr double kGb = 1e9;
  for (const node::TenantUse& one : used) {
    platform_->usage().add(one.tenant, {0, one.cpu_seconds, one.memory_byte_seconds / kGb});
  }
}

oci::RegistryOptions Server::registries() const {
  oci::RegistryOptions registries;
  if (!config_.private_registries) registries.may_connect = onlyPublicAddresses();
  return registries;
}

Result<void> Server::openContainers() {
  // Beside the runtime directory, which is emptied before what runs there could be ended.
  auto runner = sandbox::chooseContainers({config_.containers, config_.search_path, runtime_ + ".containers"});
  if (runner) {
    container_runner_ = std::move(*runner);
  } else if (config_.containers != "auto" && config_.containers != "none") {
    return fail(std::move(runner.error()));  // this one was asked for
  } else {
    no_containers_ = runner.error().message();
    container_runner_ = std::make_unique<NoContainers>(*no_containers_);
  }
  deploy::ImageLimits limits;
  if (const std::uint32_t first = container_runner_->firstUser(); first != 0) {
    limits.owners = {oci::Owners::kShift, first, sandbox::kContainerUsers};
  }
  auto images = deploy::ImageStore::open(platform_->blobs(), deploy::fetchImagesFromRegistries(registries()), limits);
  if (!images) return fail(std::move(images.error()));
  images_ = std::move(*images);
  node::PoolRules rules;
  // Two thirds of it for the autoscaler's window, within what Knative has for it, and the rest for its grace.
  rules.window = std::clamp<Duration>(config_.container_idle * 2 / 3, kShortestWindow, kLongestWindow);
  rules.grace = std::max<Duration>(config_.container_idle - rules.window, Duration::zero());
  containers_ = std::make_unique<node::ContainerFleet>(
      rules, node::ContainerFleet::Services{
                 control_loop_, gateway_->desk(), gateway_->registry(), targets_, room_, *container_runner_,
                 container_sockets_, *gateway_, findImagesIn(*images_, image_work_),
                 askContainers(control_loop_, container_sockets_), std::bind_front(&Server::secretOf, this),
                 [this](const platform::VersionName& version, std::string_view line) { lines_->addOf(version, line); },
                 std::bind_front(&Server::refuseWaiting, this), std::bind_front(&Server::wasUsed, this), log_});
  container_host_ = std::make_unique<FleetAsHost>(*containers_, no_containers_);
  return {};
}

std::string Server::containersBy() const {
  return no_containers_ ? "none: " + *no_containers_ : std::string(container_runner_->name());
}

Result<void> Server::openApi() {
  probe_ = std::make_unique<VersionProbe>(control_loop_, runtime_ + "/inside.sock");
  compiler_ = std::make_unique<deploy::BuilderCompiler>(*builder_);
  oci::RegistryOptions of_modules = registries();
  of_modules.limits.blob = kLargestPulledBlob;
  of_modules.limits.image = kLargestPull;
  deployer_ = std::make_unique<deploy::Deployer>(
      deploy::DeployServices{*platform_, *compiler_, *probe_, *images_, *container_host_,
                             deploy::fetchFromRegistries(std::move(of_modules)), Clock::now, log_},
      deploy::DeployLimits{});
  const std::string url = config_.listen.empty() ? urlOf("https", gateway_->addresses().front())
                                                 : urlOf("http", gateway_->addresses().front());
  facts_ = std::make_unique<MachineFacts>(
      MachineFacts::Services{control_loop_, api_loop_, *gateway_, *fleet_, *containers_, *lines_, platform_->usage(),
                             std::string(backend_->name()), containersBy(), url, Clock::now()});
  api_ = std::make_unique<api::Api>(
      api::ApiServices{api_loop_, *platform_, *deployer_, *facts_, log_, unixMilliseconds}, api::ApiLimits{});
  http::ServerLimits api_limits;
  api_limits.body_timeout = 60s;
  api_server_ = std::make_unique<http::Server>(api_loop_, api_limits, *api_);
  auto api_listener = http::openListener({"unix:" + runtime_ + "/api.sock", false});
  if (!api_listener) return fail(std::move(api_listener.error()));
  api_server_->listen(std::move(*api_listener));
  return {};
}

Result<void> Server::makeFirstToken() {
  if (!platform_->tokens().list().empty()) return {};
  auto created = platform_->tokens().create("first", platform::Role::kOperator, "", unixMilliseconds());
  if (!created) return fail(std::move(created.error()));
  first_token_ = std::move(created->token);
  return {};
}

Result<void> Server::openFunctionLogs() {
  auto everything = openLog(config_.function_log);
  if (!everything) return fail(std::move(everything.error()));
  function_log_ = std::move(*everything);
  const auto made = [this](const FunctionName& name, std::optional<std::uint32_t> version) {
    const platform::SnapshotPtr snapshot = platform_->snapshot();
    const platform::FunctionRecord* function = snapshot->function(name.tenant, name.function);
    const bool is_there = function != nullptr && (!version || function->find(*version) != nullptr);
    return is_there ? std::optional(function->created_ms) : std::nullopt;
  };
  // Of a record that cannot be read nothing is removed.
  const auto exists = [this, made](const FunctionName& name) {
    std::error_code ignored;
    return made(name, std::nullopt) || fs::exists(platform_->directory() + "/functions/" + name.toString(), ignored);
  };
  auto files = FunctionLogFiles::open(platform_->directory() + "/logs", {}, exists, log_);
  if (!files) return fail(std::move(files.error()));
  log_files_ = std::move(*files);
  lines_ = std::make_unique<FunctionLines>(
      FunctionLines::Services{api_loop_, *function_log_, *log_files_, made, unixMilliseconds}, FunctionLines::Limits{});
  return {};
}

}  // namespace wasabi::serve
