#include "platform/record_text.h"

#include <fmt/format.h>

#include <array>

#include "platform/json_fields.h"

namespace wasabi::platform {
namespace {

Json jsonOf(const TenantQuotas& quotas) {
  Json json = {{"cpu_weight", quotas.cpu_weight}, {"functions", quotas.functions}, {"stored", quotas.stored.value}};
  if (quotas.memory) json["memory"] = quotas.memory->value;
  if (quotas.concurrency) json["concurrency"] = *quotas.concurrency;
  if (quotas.request_rate) json["request_rate"] = *quotas.request_rate;
  return json;
}

TenantQuotas readQuotas(JsonFields fields, JsonFields& outer) {
  TenantQuotas quotas;
  quotas.cpu_weight = fields.number("cpu_weight");
  quotas.functions = fields.count<std::uint32_t>("functions");
  quotas.stored.value = fields.count<std::uint64_t>("stored");
  if (fields.has("memory")) quotas.memory = ByteSize{fields.count<std::uint64_t>("memory")};
  quotas.concurrency = fields.optionalCount<std::uint32_t>("concurrency");
  if (fields.has("request_rate")) quotas.request_rate = fields.number("request_rate");
  if (!fields.ok()) outer.take(fields);
  return quotas;
}

Json jsonOf(const RetiredNumbers& retired) {
  return {{"floor", retired.floor()}, {"next", retired.names()}};
}

RetiredNumbers readRetired(JsonFields fields, JsonFields& outer) {
  std::map<std::string, std::uint32_t> next;
  for (const auto& [name, number] : fields.object("next").items()) {
    if (!number.is_number_unsigned()) fields.wrong("next", "an object of whole numbers");
    next.emplace(name, number.is_number_unsigned() ? number.get<std::uint32_t>() : 1);
  }
  RetiredNumbers retired(fields.count<std::uint32_t>("floor"), std::move(next));
  if (!fields.ok()) outer.take(fields);
  return retired;
}

Json jsonOf(const TrafficSplit& split) {
  Json json = Json::array();
  for (const TrafficShare& share : split.shares()) json.push_back({share.version, share.percent});
  return json;
}

TrafficSplit readSplit(const Json& json, std::string_view key, JsonFields& fields) {
  std::vector<TrafficShare> shares;
  for (const Json& pair : json.is_array() ? json : Json::array()) {
    if (pair.is_array() && pair.size() == 2 && pair[0].is_number_unsigned() && pair[1].is_number_unsigned()) {
      shares.push_back({pair[0].get<std::uint32_t>(), pair[1].get<std::uint32_t>()});
    } else {
      fields.wrong(key, "a list of [version, percent]");
    }
  }
  if (shares.empty()) return {};
  auto split = TrafficSplit::of(std::move(shares));
  if (!split) fields.wrong(key, fmt::format("a traffic split: {}", split.error().message()));
  return split ? std::move(*split) : TrafficSplit();
}

Json jsonOf(const catalog::PlatformSettings& settings) {
  Json json = Json::object();
  if (settings.visibility) json["visibility"] = nameOf(*settings.visibility);
  if (settings.isolation) json["isolation"] = nameOf(*settings.isolation);
  if (settings.scale) json["scale"] = {settings.scale->min, settings.scale->max};
  if (settings.check) {
    Json& check = json["check"];
    check["path"] = settings.check->path;
    if (settings.check->status) check["status"] = *settings.check->status;
    check["timeout_ns"] = static_cast<std::uint64_t>(settings.check->timeout.count());
  }
  return json;
}

catalog::PlatformSettings readSettings(JsonFields fields, JsonFields& outer) {
  catalog::PlatformSettings settings;
  if (fields.has("visibility")) {
    settings.visibility = catalog::parseVisibility(fields.text("visibility"));
    if (!settings.visibility) fields.wrong("visibility", "a visibility");
  }
  if (fields.has("isolation")) {
    settings.isolation = catalog::parseIsolation(fields.text("isolation"));
    if (!settings.isolation) fields.wrong("isolation", "an isolation");
  }
  if (fields.has("scale")) {
    const Json& scale = fields.array("scale");
    if (scale.size() == 2 && scale[0].is_number_unsigned() && scale[1].is_number_unsigned()) {
      settings.scale = catalog::Scale{scale[0].get<std::uint32_t>(), scale[1].get<std::uint32_t>()};
    } else {
      fields.wrong("scale", "[min, max]");
    }
  }
  if (fields.has("check")) {
    JsonFields check(fields.object("check"), "check");
    settings.check.emplace();
    settings.check->path = check.text("path");
    settings.check->status = check.optionalCount<std::uint16_t>("status");
    settings.check->timeout = std::chrono::nanoseconds(check.count<std::uint64_t>("timeout_ns"));
    if (!check.ok()) outer.take(check);
  }
  if (!fields.ok()) outer.take(fields);
  return settings;
}

std::optional<VersionState> parseState(std::string_view text) {
  for (const VersionState state : {VersionState::kBuilding, VersionState::kReady, VersionState::kFailed}) {
    if (text == nameOf(state)) return state;
  }
  return std::nullopt;
}

// A record that came from disk keeps the rules of function_record.h, or it is damaged.
void checkRules(const FunctionRecord& record, JsonFields& fields) {
  std::uint32_t last = 0;
  for (const VersionEntry& entry : record.versions) {
    if (entry.version->number <= last) fields.wrong("versions", "a list with rising numbers");
    last = entry.version->number;
  }
  if (record.versions.empty()) fields.wrong("versions", "a list with at least one");
  if (record.next_number <= last) fields.wrong("next", "above all numbers");
  for (const TrafficShare& share : record.traffic.shares()) {
    const VersionEntry* entry = record.find(share.version);
    if (entry == nullptr || entry->state != VersionState::kReady) fields.wrong("traffic", "over ready versions");
  }
}

}  // namespace

std::string encodeTenant(const TenantRecord& tenant) {
  return writeJson({{"quotas", jsonOf(tenant.quotas)},
                    {"hosts", tenant.hosts},
                    {"isolation", nameOf(tenant.isolation)},
                    {"created_ms", tenant.created_ms},
                    {"retired", jsonOf(tenant.retired)}});
}

Result<TenantRecord> decodeTenant(std::string_view text, const std::string& name) {
  const std::string file = fmt::format("tenants/{}.json", name);
  auto json = parseJsonObject(text, file);
  if (!json) return fail(std::move(json).error());
  JsonFields fields(*json, file);
  TenantRecord tenant;
  tenant.name = name;
  tenant.quotas = readQuotas(JsonFields(fields.object("quotas"), file), fields);
  tenant.hosts = fields.texts("hosts");
  const auto isolation = catalog::parseIsolation(fields.text("isolation"));
  if (!isolation) fields.wrong("isolation", "an isolation");
  tenant.isolation = isolation.value_or(catalog::Isolation::kDedicated);
  tenant.created_ms = fields.time("created_ms");
  tenant.retired = readRetired(JsonFields(fields.object("retired"), file), fields);
  if (!fields.ok()) return fail(fields.takeError());
  return tenant;
}

std::string encodeRetired(const RetiredNumbers& retired) {
  return writeJson(jsonOf(retired));
}

Result<RetiredNumbers> decodeRetired(std::string_view text, std::string_view file) {
  auto json = parseJsonObject(text, file);
  if (!json) return fail(std::move(json).error());
  JsonFields fields(*json, file);
  RetiredNumbers retired = readRetired(JsonFields(*json, file), fields);
  if (!fields.ok()) return fail(fields.takeError());
  return retired;
}

std::string encodeFunction(const FunctionRecord& record) {
  Json versions = Json::array();
  for (const VersionEntry& entry : record.versions) {
    Json json = {{"number", entry.version->number}, {"state", nameOf(entry.state)}};
    if (!entry.reason.empty()) json["reason"] = entry.reason;
    if (entry.promote) json["promote"] = true;
    versions.push_back(std::move(json));
  }
  Json past = Json::array();
  for (const TrafficSplit& split : record.past) past.push_back(jsonOf(split));
  return writeJson({{"next", record.next_number},
                    {"versions", std::move(versions)},
                    {"traffic", jsonOf(record.traffic)},
                    {"past", std::move(past)},
                    {"overrides", jsonOf(record.overrides)},
                    {"created_by", record.created_by},
                    {"created_ms", record.created_ms}});
}

Result<FunctionRecord> decodeFunction(std::string_view text, const FunctionName& name,
                                      const std::function<Result<VersionPtr>(std::uint32_t)>& version) {
  const std::string file = fmt::format("functions/{}/record.json", name.toString());
  auto json = parseJsonObject(text, file);
  if (!json) return fail(std::move(json).error());
  JsonFields fields(*json, file);
  FunctionRecord record;
  record.name = name;
  record.next_number = fields.count<std::uint32_t>("next");
  for (const Json& one : fields.array("versions")) {
    JsonFields entry(one, file + ": a version");
    const auto number = entry.count<std::uint32_t>("number");
    const auto state = parseState(entry.text("state"));
    if (!state) entry.wrong("state", "a state");
    if (!entry.ok()) return fail(entry.takeError());
    auto read = version(number);
    if (!read) return fail(std::move(read).error());
    record.versions.push_back({std::move(*read), *state, entry.textOr("reason", ""), entry.has("promote")});
  }
  record.traffic = readSplit(fields.array("traffic"), "traffic", fields);
  for (const Json& split : fields.array("past")) record.past.push_back(readSplit(split, "past", fields));
  record.overrides = readSettings(JsonFields(fields.object("overrides"), file), fields);
  record.created_by = fields.text("created_by");
  record.created_ms = fields.time("created_ms");
  if (fields.ok()) checkRules(record, fields);
  if (!fields.ok()) return fail(fields.takeError());
  return record;
}

}  // namespace wasabi::platform
