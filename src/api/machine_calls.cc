// The machine itself, uploads, and who the caller is.
#include <utility>

#include "api/call.h"
#include "api/containers_json.h"
#include "api/json.h"

namespace wasabi::api {
namespace {

void whoami(Call& call) {
  const platform::TokenInfo& caller = call.caller();
  Json json = {{"token", caller.id}, {"name", caller.name}, {"role", platform::nameOf(caller.role)}};
  if (!caller.tenant.empty()) json["tenant"] = caller.tenant;
  call.answer(200, toText(json));
}

void version(Call& call) {
  call.answer(200, toText({{"version", WASABI_VERSION}, {"api", "v1"}}));
}

void answerUpload(Call& call, const platform::Digest& digest, std::uint64_t bytes) {
  call.answer(201, toText({{"digest", "sha256:" + digest.toHex()}, {"bytes", bytes}}));
}

// What takes longer than a sync of the disk.
template <typename Upload>
void finishLater(Call& call, Upload& upload) {
  call.auditBegun();
  call.api().longWork().post([&loop = call.services().loop, whole = std::make_unique<Upload>(std::move(upload)),
                              held = call.shared_from_this()]() mutable {
    auto stored = whole->finish({});
    whole.reset();
    loop.post([held = std::move(held), stored = std::move(stored)] {
      if (!stored) return held->refuse(stored.error());
      answerUpload(*held, stored->digest, stored->bytes);
    });
  });
}

void upload(Call& call) {
  if (call.image()) return finishLater(call, *call.image());
  if (call.files()) return finishLater(call, *call.files());
  auto module = call.module()->finish();
  if (!module) return call.refuse(module.error());
  answerUpload(call, module->digest, module->bytes);
}

Json superpodJson(const MachineStatus::OfSuperpod& superpod) {
  return {{"name", superpod.name},
          {"state", superpod.state},
          {"made_for", superpod.made_for},
          {"age_seconds", superpod.age_seconds},
          {"pid", superpod.pid},
          {"versions", superpod.versions},
          {"capacity_bytes", superpod.capacity.value},
          {"booked_bytes", superpod.booked.value},
          {"invocations", superpod.invocations},
          {"cores_used", superpod.cores_used}};
}

// What runs containers is the operator's to know, and how much room there is.
Json containersOfStatus(const MachineStatus& status, const platform::TokenInfo& caller) {
  Json containers = Json::array();
  for (const MachineStatus::OfContainers& version : status.containers) {
    const bool may_see = caller.role == platform::Role::kOperator || version.version.function.tenant == caller.tenant;
    if (may_see) containers.push_back(containersJson(version));
  }
  return containers;
}

Json tenantsOfStatus(const MachineStatus& status, const platform::TokenInfo& caller) {
  Json tenants = Json::array();
  for (const MachineStatus::OfTenant& tenant : status.tenants) {
    if (caller.role != platform::Role::kOperator && tenant.name != caller.tenant) continue;
    Json told = {{"name", tenant.name},
                 {"booked_bytes", tenant.booked.value},
                 {"running", tenant.running},
                 {"waiting", tenant.waiting}};
    if (tenant.memory) told["memory_quota_bytes"] = tenant.memory->value;
    tenants.push_back(std::move(told));
  }
  return tenants;
}

// Tenants see their functions; what serves them is the operator's.
Json statusJson(const MachineStatus& status, const platform::TokenInfo& caller) {
  const bool is_operator = caller.role == platform::Role::kOperator;
  Json functions = Json::array();
  for (const MachineStatus::OfFunction& function : status.functions) {
    if (!is_operator && function.name.tenant != caller.tenant) continue;
    functions.push_back({{"name", function.name.toString()},
                         {"requests", function.requests},
                         {"refused", function.refused},
                         {"failed", function.failed},
                         {"seconds", function.seconds},
                         {"running", function.running},
                         {"waiting", function.waiting},
                         {"superpods", function.superpods}});
  }
  Json json = {{"up_seconds", status.up_seconds},
               {"functions", std::move(functions)},
               {"tenants", tenantsOfStatus(status, caller)},
               {"containers", containersOfStatus(status, caller)}};
  if (!is_operator) return json;
  json["containers_by"] = status.containers_by;
  json["room_bytes"] = status.room.value;
  json["room_taken_bytes"] = status.room_taken.value;
  json["backend"] = status.backend;
  json["addresses"] = status.addresses;
  Json superpods = Json::array();
  for (const MachineStatus::OfSuperpod& superpod : status.superpods) superpods.push_back(superpodJson(superpod));
  json["superpods"] = std::move(superpods);
  json["superpods_started"] = status.superpods_started;
  json["superpods_died"] = status.superpods_died;
  json["superpods_desired"] = status.superpods_desired;
  json["scale_reason"] = status.scale_reason;
  return json;
}

void status(Call& call) {
  call.services().machine.status([held = call.shared_from_this()](const MachineStatus& told) {
    held->answer(200, toText(statusJson(told, held->caller())));
  });
}

void metrics(Call& call) {
  call.services().machine.metrics([held = call.shared_from_this()](const std::string& text) {
    held->answerText(200, "text/plain; version=0.0.4; charset=utf-8", text);
  });
}

// It may take long; changes wait meanwhile, other calls do not.
void backup(Call& call) {
  JsonInput input(call.body());
  const std::string to = input.text("to");
  if (auto read = input.finish(); !read) return call.refuse(read.error());
  if (!to.starts_with('/')) return call.refuse(400, "'to' is an absolute path on the machine that serves");
  if (to.find('\0') != std::string::npos) return call.refuse(400, "'to' has a NUL character in it");
  call.auditBegun();
  const ApiServices& services = call.services();
  call.api().longWork().post(
      [&platform = services.platform, &loop = services.loop, to, held = call.shared_from_this()]() mutable {
        auto report = platform.backup(to);
        loop.post([held = std::move(held), report = std::move(report)] {
          if (!report) return held->refuse(report.error());
          held->answer(200, toText({{"functions", report->functions},
                                    {"versions", report->versions},
                                    {"linked_files", report->linked},
                                    {"copied_files", report->copied},
                                    {"copied_bytes", report->copied_bytes}}));
        });
      });
}

}  // namespace

std::vector<Endpoint> machineEndpoints() {
  using Body = Endpoint::Body;
  return {
      {"GET", "/whoami", Who::kAnyToken, Body::kNone, whoami},
      {"GET", "/version", Who::kAnyToken, Body::kNone, version},
      {"POST", "/uploads", Who::kAnyToken, Body::kUpload, upload},
      {"GET", "/status", Who::kAnyToken, Body::kNone, status},
      {"GET", "/metrics", Who::kOperator, Body::kNone, metrics},
      {"POST", "/backup", Who::kOperator, Body::kJson, backup},
  };
}

}  // namespace wasabi::api
