#include "serve/machine_facts.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "serve/container_facts.h"
#include "serve/tenant_memory.h"

namespace wasabi::serve {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostSeries = 500;

std::string_view nameOf(node::Superpod::State state) {
  switch (state) {
    case node::Superpod::State::kStarting:
      return "starting";
    case node::Superpod::State::kReady:
      return "ready";
    case node::Superpod::State::kDraining:
      return "draining";
    case node::Superpod::State::kGone:
      return "gone";
  }
  return "";
}

void writeContainers(const node::ContainerFleetFigures& containers, PrometheusText& text) {
  std::size_t present = 0;
  for (const auto& version : containers.versions) present += version.pool.containers.size();
  text.single("wasabi_containers", "gauge", "Containers of functions there are.", present);
  text.single("wasabi_containers_started_total", "counter", "Containers started.", containers.started);
  text.single("wasabi_containers_died_total", "counter", "Containers that ended unasked.", containers.died);
  text.single("wasabi_containers_cpu_seconds_total", "counter", "Processor time that containers used.",
              containers.cpu_seconds);
  const auto write = [&](std::string_view name, std::string_view help, auto number) {
    text.family(name, "gauge", help);
    for (const auto& version : containers.versions) {
      const FunctionName& function = version.version.function;
      text.sample(name,
                  fmt::format("tenant=\"{}\",function=\"{}\",version=\"{}\"", function.tenant, function.function,
                              version.version.number),
                  number(useOf(version.pool)));
    }
  };
  write("wasabi_containers_cores_used", "Cores that the containers of a version use.",
        [](const ContainersUse& use) { return use.cores.value; });
  write("wasabi_containers_memory_bytes", "Memory that the containers of a version have in use.",
        [](const ContainersUse& use) { return use.memory.value; });
  text.single("wasabi_room_bytes", "gauge", "Memory for superpods and containers.", containers.room.value);
  text.single("wasabi_room_taken_bytes", "gauge", "What of it they may have.", containers.taken.value);
}

// The quota comes before what superpods and containers have to say: where it is in the way, none of them is asked.
void addWords(const MemoryWhy& why, Json& words) {
  for (const std::string& line : why.because) words["because"].push_back(line);
  if (why.answer.empty()) return;
  words["answer"] = why.answer;
  for (const std::string& line : why.to_run) words["to_run"].push_back(line);
}

}  // namespace

void MachineFacts::add(const std::vector<node::GatewayReport>& reports) {
  for (const node::GatewayReport& report : reports) {
    totals_.merge(report.metrics);
    outbound_.merge(report.outbound);
    for (const auto& [tenant, counters] : report.metrics.byTenant()) {
      services_.usage.add(tenant, {counters.requests, 0, 0});
    }
  }
}

std::string MachineFacts::prometheus() const {
  PrometheusText text;
  totals_.write(text, kMostSeries);
  outbound_.write(text);
  const node::FleetFigures fleet = services_.fleet.figures();
  text.single("wasabi_superpods", "gauge", "Superpods there are, spares included.", fleet.superpods.size());
  text.single("wasabi_superpods_desired", "gauge", "Superpods that the load wants, without spares.", fleet.desired);
  text.single("wasabi_superpods_started_total", "counter", "Superpods started.", fleet.started);
  text.single("wasabi_superpods_died_total", "counter", "Superpods that died.", fleet.died);
  text.single("wasabi_superpods_drained_total", "counter", "Superpods given up.", fleet.drained);
  text.single("wasabi_function_log_dropped_lines_total", "counter", "Lines of functions that are not in files.",
              services_.lines.droppedLines());
  writeContainers(services_.containers.figures(), text);
  writeMetrics(tenantMemories(services_.gateway.registry(), services_.gateway.desk()), text);
  text.family("wasabi_superpod_booked_bytes", "gauge", "Memory booked on a superpod.");
  for (const auto& superpod : fleet.superpods) {
    text.sample("wasabi_superpod_booked_bytes", fmt::format("superpod=\"{}\"", superpod.name), superpod.booked.value);
  }
  return text.take();
}

api::MachineStatus MachineFacts::statusNow() const {
  const TimePoint now = services_.control.now();
  const node::FleetFigures fleet = services_.fleet.figures();
  api::MachineStatus status;
  status.backend = services_.backend;
  status.up_seconds = toSeconds(now - services_.started);
  status.addresses = services_.gateway.addresses();
  status.superpods_started = fleet.started;
  status.superpods_died = fleet.died;
  status.superpods_desired = fleet.desired;
  status.scale_reason = fleet.scale_reason;
  for (const auto& superpod : fleet.superpods) {
    status.superpods.push_back({superpod.name, std::string(nameOf(superpod.state)), superpod.made_for,
                                toSeconds(now - superpod.since), superpod.pid, superpod.versions, superpod.capacity,
                                superpod.booked, superpod.invocations, superpod.cores_used});
  }
  const node::ContainerFleetFigures containers = services_.containers.figures();
  for (const auto& version : containers.versions) status.containers.push_back(statusOf(version, now));
  status.containers_by = services_.containers_by;
  status.room = containers.room;
  status.room_taken = containers.taken;
  for (const auto& [name, counters] : totals_.byFunction()) {
    api::MachineStatus::OfFunction one;
    one.name = name;
    one.requests = counters.requests;
    one.refused = counters.refused;
    one.failed = counters.failed;
    one.seconds = toSeconds(counters.wall.sum());
    const platform::FunctionRecord* function = snapshot_ ? snapshot_->function(name.tenant, name.function) : nullptr;
    if (!function) continue;
    for (const platform::VersionEntry& entry : function->versions) {
      const auto number =
          services_.gateway.registry().numberOf(*snapshot_->tenant(name.tenant), *function, entry.version);
      const auto figures = services_.gateway.desk().figures(number);
      one.running += figures.running;
      one.waiting += figures.waiting;
      one.superpods += figures.targets;
    }
    status.functions.push_back(std::move(one));
  }
  for (const TenantMemory& tenant : tenantMemories(services_.gateway.registry(), services_.gateway.desk())) {
    status.tenants.push_back(statusOf(tenant));
  }
  return status;
}

void MachineFacts::status(UniqueFunction<void(api::MachineStatus)> take) {
  services_.control.post([this, take = std::move(take)]() mutable {
    services_.api.post([status = statusNow(), take = std::move(take)]() mutable { take(std::move(status)); });
  });
}

void MachineFacts::metrics(UniqueFunction<void(std::string)> take) {
  services_.control.post([this, take = std::move(take)]() mutable {
    services_.api.post([text = prometheus(), take = std::move(take)]() mutable { take(std::move(text)); });
  });
}

void MachineFacts::why(const platform::VersionName& version, UniqueFunction<void(Result<std::string>)> take) {
  services_.control.post([this, version, take = std::move(take)]() mutable {
    auto answer = [this, take = std::move(take)](Result<std::string> told) mutable {
      services_.api.post([told = std::move(told), take = std::move(take)]() mutable { take(std::move(told)); });
    };
    const platform::VersionPtr found = snapshot_ ? snapshot_->version(version) : nullptr;
    if (!found) return answer(fail(ErrorCode::kNotFound, "there is no such version"));
    const FunctionName& name = version.function;
    const auto number = services_.gateway.registry().numberOf(*snapshot_->tenant(name.tenant),
                                                              *snapshot_->function(name.tenant, name.function), found);
    if (found->isContainer()) return answer(whyContainerJson(*found, number));
    services_.fleet.whyOfBox(
        number, [this, version, number, answer = std::move(answer)](Result<std::optional<std::string>> box) mutable {
          if (!box) return answer(fail(std::move(box.error())));
          answer(whyJson(version, number, *box));
        });
  });
}

std::string MachineFacts::whyContainerJson(const platform::Version& version, policy::VersionId number) {
  const auto figures = services_.gateway.desk().figures(number);
  const ContainerWhy why = whyOf(version, services_.containers.figuresOf(number), figures,
                                 services_.containers.figures(), services_.control.now());
  Json told = {
      {"version", platform::VersionName{version.name(), version.number}.toString()},
      {"gateway", {{"running", figures.running}, {"waiting", figures.waiting}, {"containers", figures.targets}}},
      {"words", {{"answer", why.answer}, {"because", why.because}, {"to_run", why.to_run}}}};
  node::Gateway& gateway = services_.gateway;
  addWords(memoryWhy(number, gateway.registry(), gateway.desk(), services_.control.now()), told["words"]);
  return told.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// What the box says, with what the gateway adds to it.
std::string MachineFacts::whyJson(const platform::VersionName& version, policy::VersionId number,
                                  const std::optional<std::string>& box) {
  const auto figures = services_.gateway.desk().figures(number);
  Json told = box ? Json::parse(*box, nullptr, false) : Json::object();
  if (!told.is_object()) told = Json::object();
  told["version"] = version.toString();
  told["gateway"] = {{"running", figures.running}, {"waiting", figures.waiting}, {"superpods", figures.targets}};
  Json& words = told["words"];
  if (!box) {
    words = {{"answer", fmt::format("no superpod hosts {}; a request has it hosted first", version.toString())},
             {"because", Json::array({"placement: " + services_.fleet.explainPlacement(number)})},
             {"to_run", Json::array()}};
  }
  words["because"].push_back(
      fmt::format("gateway: {} run and {} wait, over {} superpods", figures.running, figures.waiting, figures.targets));
  node::Gateway& gateway = services_.gateway;
  addWords(memoryWhy(number, gateway.registry(), gateway.desk(), services_.control.now()), words);
  return told.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string MachineFacts::urlOf(const FunctionName& function, std::optional<std::uint32_t> version) {
  if (version) return fmt::format("{}/{}@{}/", services_.url, function.toString(), *version);
  return fmt::format("{}/{}/", services_.url, function.toString());
}

void MachineFacts::secretsChanged(const std::string& tenant) {
  services_.control.post([this, tenant] {
    services_.fleet.placeAgain(tenant);
    services_.containers.secretsChanged(tenant);
  });
}

}  // namespace wasabi::serve
