// Tenants, their tokens, secrets and what they used.
#include <fmt/format.h>

#include <utility>

#include "api/call.h"
#include "api/json.h"

namespace wasabi::api {
namespace {

using platform::TenantRecord;

Json tenantJson(const TenantRecord& tenant, const platform::PlatformSnapshot& snapshot) {
  const platform::TenantQuotas& quotas = tenant.quotas;
  Json json = {
      {"name", tenant.name},
      {"functions", snapshot.functionsOf(tenant.name).size()},
      {"hosts", tenant.hosts},
      {"isolation", catalog::nameOf(tenant.isolation)},
      {"created", timeText(tenant.created_ms)},
  };
  Json& told = json["quotas"] = {
      {"cpu_weight", quotas.cpu_weight}, {"functions", quotas.functions}, {"stored_bytes", quotas.stored.value}};
  if (quotas.memory) told["memory_bytes"] = quotas.memory->value;
  if (quotas.concurrency) told["concurrency"] = *quotas.concurrency;
  if (quotas.request_rate) told["request_rate"] = *quotas.request_rate;
  return json;
}

// What the body names is put over what the record says.
Result<TenantRecord> changed(TenantRecord tenant, JsonInput& input) {
  platform::TenantQuotas& quotas = tenant.quotas;
  if (const auto bytes = input.count("memory_bytes")) quotas.memory = ByteSize{*bytes};
  if (const auto weight = input.number("cpu_weight")) quotas.cpu_weight = *weight;
  if (const auto functions = input.smallCount("functions")) quotas.functions = *functions;
  if (const auto stored = input.count("stored_bytes")) quotas.stored = {*stored};
  if (const auto most = input.smallCount("concurrency")) quotas.concurrency = *most;
  if (const auto rate = input.number("request_rate")) quotas.request_rate = *rate;
  if (auto hosts = input.texts("hosts")) tenant.hosts = std::move(*hosts);
  if (const auto isolation = input.optionalText("isolation")) {
    const auto parsed = catalog::parseIsolation(*isolation);
    if (!parsed) return fail(ErrorCode::kInvalid, "'isolation' is one of shared, dedicated");
    tenant.isolation = *parsed;
  }
  if (auto read = input.finish(); !read) return fail(std::move(read.error()));
  for (std::string& host : tenant.hosts) {
    auto normal = platform::normalizeGrantedHost(host);
    if (!normal) return fail(std::move(normal.error()));
    host = std::move(*normal);
  }
  if (auto right = platform::checkQuotas(quotas); !right) return fail(std::move(right.error()));
  return tenant;
}

void listTenants(Call& call) {
  const platform::SnapshotPtr snapshot = call.platform().snapshot();
  Json tenants = Json::array();
  for (const platform::TenantRecordPtr& tenant : snapshot->tenants()) {
    if (call.caller().role == platform::Role::kOperator || call.caller().tenant == tenant->name) {
      tenants.push_back(tenantJson(*tenant, *snapshot));
    }
  }
  call.answer(200, toText({{"tenants", std::move(tenants)}}));
}

const TenantRecord* find(Call& call, const platform::PlatformSnapshot& snapshot) {
  if (!call.mayTouch(call.argument(0))) return nullptr;
  const TenantRecord* tenant = snapshot.tenant(call.argument(0));
  if (!tenant) call.refuse(404, fmt::format("there is no tenant '{}'", call.argument(0)));
  return tenant;
}

void describeTenant(Call& call) {
  const platform::SnapshotPtr snapshot = call.platform().snapshot();
  if (const TenantRecord* tenant = find(call, *snapshot)) call.answer(200, toText(tenantJson(*tenant, *snapshot)));
}

void answerTenant(Call& call, std::uint16_t status, const Result<platform::TenantRecordPtr>& tenant) {
  if (!tenant) return call.refuse(tenant.error());
  call.answer(status, toText(tenantJson(**tenant, *call.platform().snapshot())));
}

void createTenant(Call& call) {
  JsonInput input(call.body());
  TenantRecord tenant;
  tenant.name = input.text("name");
  tenant.created_ms = call.services().unix_ms();
  auto whole = changed(std::move(tenant), input);
  if (!whole) return call.refuse(whole.error());
  answerTenant(call, 201, call.platform().createTenant(std::move(*whole)));
}

void updateTenant(Call& call) {
  const platform::SnapshotPtr snapshot = call.platform().snapshot();
  const TenantRecord* tenant = find(call, *snapshot);
  if (!tenant) return;
  JsonInput input(call.body());
  auto whole = changed(*tenant, input);
  if (!whole) return call.refuse(whole.error());
  answerTenant(call, 200, call.platform().records().updateTenant(*whole));
}

void deleteTenant(Call& call) {
  if (auto deleted = call.platform().deleteTenant(call.argument(0)); !deleted) return call.refuse(deleted.error());
  call.answer(200, toText({{"deleted", call.argument(0)}}));
}

// ---- tokens ---------------------------------------------------------------------------------------------------------

Json tokenJson(const platform::TokenInfo& token) {
  Json json = {{"id", token.id},
               {"name", token.name},
               {"role", platform::nameOf(token.role)},
               {"created", timeText(token.created_ms)}};
  if (!token.tenant.empty()) json["tenant"] = token.tenant;
  if (token.last_used_ms > 0) json["last_used"] = timeText(token.last_used_ms);
  return json;
}

bool owns(const Call& call, const platform::TokenInfo& token) {
  return call.caller().role == platform::Role::kOperator ||
         (token.role == platform::Role::kTenant && token.tenant == call.caller().tenant);
}

void listTokens(Call& call) {
  Json tokens = Json::array();
  for (const platform::TokenInfo& token : call.platform().tokens().list()) {
    if (owns(call, token)) tokens.push_back(tokenJson(token));
  }
  call.answer(200, toText({{"tokens", std::move(tokens)}}));
}

void createToken(Call& call) {
  JsonInput input(call.body());
  const std::string name = input.text("name");
  const auto tenant = input.optionalText("tenant");
  const std::string role_text = input.optionalText("role").value_or("tenant");
  if (auto read = input.finish(); !read) return call.refuse(read.error());
  const bool for_operator = role_text == "operator";
  if (!for_operator && role_text != "tenant") return call.refuse(400, "'role' is one of operator, tenant");
  if (for_operator && tenant) return call.refuse(400, "an operator's token is of no tenant: leave out one of the two");
  if (for_operator && call.caller().role != platform::Role::kOperator) {
    return call.refuse(403, "only an operator's token may make tokens of operators");
  }
  if (!for_operator && !tenant) return call.refuse(400, "'tenant' is missing, or 'role' as \"operator\"");
  if (tenant && !call.mayTouch(*tenant)) return;
  if (tenant && !call.platform().snapshot()->tenant(*tenant)) {
    return call.refuse(404, fmt::format("there is no tenant '{}'", *tenant));
  }
  const auto role = for_operator ? platform::Role::kOperator : platform::Role::kTenant;
  auto created = call.platform().tokens().create(name, role, for_operator ? "" : *tenant, call.services().unix_ms());
  if (!created) return call.refuse(created.error());
  Json json = tokenJson(created->info);
  json["token"] = created->token;  // this once
  call.answer(201, toText(json));
}

void revokeToken(Call& call) {
  for (const platform::TokenInfo& token : call.platform().tokens().list()) {
    if (token.id != call.argument(0) || !owns(call, token)) continue;
    if (auto revoked = call.platform().tokens().revoke(token.id); !revoked) return call.refuse(revoked.error());
    return call.answer(200, toText({{"revoked", token.id}}));
  }
  call.refuse(404, "there is no such token");
}

// ---- secrets --------------------------------------------------------------------------------------------------------

void listSecrets(Call& call) {
  const platform::SnapshotPtr snapshot = call.platform().snapshot();
  if (!find(call, *snapshot)) return;
  Json secrets = Json::array();
  for (const platform::SecretInfo& secret : call.platform().secrets().list(call.argument(0))) {
    secrets.push_back({{"name", secret.name}, {"set", timeText(secret.set_ms)}});
  }
  call.answer(200, toText({{"secrets", std::move(secrets)}}));
}

void answerSecret(Call& call, const Result<void>& done) {
  if (!done) return call.refuse(done.error());
  call.services().machine.secretsChanged(call.argument(0));
  call.answer(200, toText({{"name", call.argument(1)}}));
}

void setSecret(Call& call) {
  const platform::SnapshotPtr snapshot = call.platform().snapshot();
  if (!find(call, *snapshot)) return;
  answerSecret(call, call.platform().secrets().set(call.argument(0), call.argument(1),
                                                   platform::SecretValue(call.body()), call.services().unix_ms()));
}

void removeSecret(Call& call) {
  const platform::SnapshotPtr snapshot = call.platform().snapshot();
  if (!find(call, *snapshot)) return;
  answerSecret(call, call.platform().secrets().remove(call.argument(0), call.argument(1)));
}

void usage(Call& call) {
  Json tenants = Json::array();
  for (const platform::TenantUsage& used : call.platform().usage().all()) {
    if (call.caller().role != platform::Role::kOperator && call.caller().tenant != used.tenant) continue;
    tenants.push_back({{"tenant", used.tenant},
                       {"since", timeText(used.since_ms)},
                       {"requests", used.figures.requests},
                       {"cpu_seconds", used.figures.cpu_seconds},
                       {"gb_seconds", used.figures.gb_seconds}});
  }
  call.answer(200, toText({{"usage", std::move(tenants)}}));
}

}  // namespace

std::vector<Endpoint> tenantEndpoints() {
  constexpr Who kAny = Who::kAnyToken;
  constexpr Who kOperator = Who::kOperator;
  using Body = Endpoint::Body;
  return {
      {"GET", "/tenants", kAny, Body::kNone, listTenants},
      {"POST", "/tenants", kOperator, Body::kJson, createTenant},
      {"GET", "/tenants/{}", kAny, Body::kNone, describeTenant},
      {"PATCH", "/tenants/{}", kOperator, Body::kJson, updateTenant},
      {"DELETE", "/tenants/{}", kOperator, Body::kNone, deleteTenant},
      {"GET", "/tenants/{}/secrets", kAny, Body::kNone, listSecrets},
      {"PUT", "/tenants/{}/secrets/{}", kAny, Body::kSecret, setSecret},
      {"DELETE", "/tenants/{}/secrets/{}", kAny, Body::kNone, removeSecret},
      {"GET", "/tokens", kAny, Body::kNone, listTokens},
      {"POST", "/tokens", kAny, Body::kJson, createToken},
      {"DELETE", "/tokens/{}", kAny, Body::kNone, revokeToken},
      {"GET", "/usage", kAny, Body::kNone, usage},
  };
}

}  // namespace wasabi::api
