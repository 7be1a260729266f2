// What the API tells of the running machine: gathered on the control loop, asked from the API's.
#pragma once

#include <string>
#include <vector>

#include "api/machine.h"
#include "http/event_loop.h"
#include "node/container_fleet.h"
#include "node/fleet.h"
#include "node/gateway.h"
#include "node/gateway_metrics.h"
#include "platform/usage.h"
#include "serve/function_lines.h"

namespace wasabi::serve {

class MachineFacts final : public api::Machine {
 public:
  struct Services {
    http::EventLoop& control;
    http::EventLoop& api;
    node::Gateway& gateway;
    node::Fleet& fleet;
    node::ContainerFleet& containers;
    FunctionLines& lines;
    platform::Usage& usage;
    std::string backend;
    std::string containers_by;  // "runc"; or why there are none
    std::string url;            // "http://127.0.0.1:8080"
    TimePoint started;
  };
  explicit MachineFacts(Services services) : services_(std::move(services)) {}

  const std::string& url() const { return services_.url; }
  // On the control loop.
  void use(platform::SnapshotPtr snapshot) { snapshot_ = std::move(snapshot); }
  void add(const std::vector<node::GatewayReport>& reports);

  // api::Machine
  void status(UniqueFunction<void(api::MachineStatus)> take) override;
  void metrics(UniqueFunction<void(std::string)> take) override;
  void why(const platform::VersionName& version, UniqueFunction<void(Result<std::string>)> take) override;
  std::vector<std::string> logs(const api::LogQuery& query) override { return services_.lines.last(query); }
  std::shared_ptr<void> follow(const FunctionName& function, UniqueFunction<void(std::string_view)> line) override {
    return services_.lines.follow(function, std::move(line));
  }
  std::string urlOf(const FunctionName& function, std::optional<std::uint32_t> version) override;
  void secretsChanged(const std::string& tenant) override;

 private:
  api::MachineStatus statusNow() const;
  std::string prometheus() const;
  std::string whyContainerJson(const platform::Version& version, policy::VersionId number);
  std::string whyJson(const platform::VersionName& version, policy::VersionId number,
                      const std::optional<std::string>& box);

  const Services services_;
  platform::SnapshotPtr snapshot_;
  node::GatewayMetrics totals_;
  node::OutboundCounters outbound_;
};

}  // namespace wasabi::serve
