// Functions, their versions and traffic.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "api/call.h"
#include "api/containers_json.h"
#include "api/json.h"
#include "api/version_json.h"
#include "base/text.h"

namespace wasabi::api {
namespace {

using platform::FunctionRecord;
using platform::FunctionRecordPtr;

FunctionName nameIn(const Call& call) {
  return {call.argument(0), call.argument(1)};
}

Json trafficJson(const platform::TrafficSplit& traffic) {
  Json json = Json::object();
  for (const platform::TrafficShare& share : traffic.shares()) json[std::to_string(share.version)] = share.percent;
  return json;
}

Json functionJson(const FunctionRecord& function, Call& call) {
  const catalog::Scale scale = function.scale();
  return {
      {"name", function.name.toString()},
      {"url", call.services().machine.urlOf(function.name, std::nullopt)},
      {"state", platform::nameOf(function.leading().state)},
      {"versions", function.versions.size()},
      {"newest", function.versions.back().version->number},
      {"traffic", trafficJson(function.traffic)},
      {"visibility", catalog::nameOf(function.visibility())},
      {"isolation", catalog::nameOf(function.isolation())},
      {"scale", {{"min", scale.min}, {"max", scale.max}}},
      {"created", timeText(function.created_ms)},
  };
}

// Null if it was answered that there is none.
const FunctionRecord* find(Call& call, const platform::PlatformSnapshot& snapshot) {
  const FunctionName name = nameIn(call);
  if (!call.mayTouch(name.tenant)) return nullptr;
  const FunctionRecord* function = snapshot.function(name.tenant, name.function);
  if (!function) call.refuse(404, fmt::format("there is no function {}", name.toString()));
  return function;
}

const platform::VersionEntry* findVersion(Call& call, const FunctionRecord& function) {
  const auto number = parseDecimal<std::uint32_t>(call.argument(2));
  const platform::VersionEntry* entry = number ? function.find(*number) : nullptr;
  if (!entry) call.refuse(404, fmt::format("{} has no version {}", function.name.toString(), call.argument(2)));
  return entry;
}

void answerFunction(Call& call, const Result<FunctionRecordPtr>& changed) {
  if (!changed) return call.refuse(changed.error());
  call.answer(200, toText(functionJson(**changed, call)));
}

void list(Call& call) {
  const platform::SnapshotPtr snapshot = call.platform().snapshot();
  const auto only = call.query("tenant");
  Json functions = Json::array();
  for (const platform::TenantRecordPtr& tenant : snapshot->tenants()) {
    const bool may_see = call.caller().role == platform::Role::kOperator || call.caller().tenant == tenant->name;
    if (!may_see || (only && *only != tenant->name)) continue;
    for (const FunctionRecordPtr& function : snapshot->functionsOf(tenant->name)) {
      functions.push_back(functionJson(*function, call));
    }
  }
  call.answer(200, toText({{"functions", std::move(functions)}}));
}

// Of a function without container versions at once.
void answerWithContainers(Call& call, const FunctionRecord& function, Json json) {
  const bool has_some = std::ranges::any_of(
      function.versions, [](const platform::VersionEntry& entry) { return entry.version->isContainer(); });
  if (!has_some) return call.answer(200, toText(json));
  call.services().machine.status([held = call.shared_from_this(), name = function.name,
                                  json = std::move(json)](const MachineStatus& told) mutable {
    Json containers = Json::array();
    for (const MachineStatus::OfContainers& version : told.containers) {
      if (version.version.function == name) containers.push_back(containersJson(version));
    }
    json["containers"] = std::move(containers);
    held->answer(200, toText(json));
  });
}

void describe(Call& call) {
  const platform::SnapshotPtr snapshot = call.platform().snapshot();
  const FunctionRecord* function = find(call, *snapshot);
  if (!function) return;
  Json json = functionJson(*function, call);
  Json versions = Json::array();
  for (const platform::VersionEntry& entry : function->versions)
    versions.push_back(versionJson(*function, entry, call));
  json["versions"] = std::move(versions);
  Json past = Json::array();
  for (const platform::TrafficSplit& split : function->past) past.push_back(trafficJson(split));
  json["earlier_traffic"] = std::move(past);
  Json problems = Json::array();
  for (const catalog::CatalogProblem& problem : snapshot->problemsOf(function->name.tenant)) {
    if (problem.file.starts_with(function->name.toString() + "@")) problems.push_back(problem.reason);
  }
  json["problems"] = std::move(problems);
  answerWithContainers(call, *function, std::move(json));
}

void remove(Call& call) {
  const FunctionName name = nameIn(call);
  if (!call.mayTouch(name.tenant)) return;
  if (auto removed = call.platform().records().deleteFunction(name); !removed) return call.refuse(removed.error());
  call.answer(200, toText({{"deleted", name.toString()}}));
}

// Whether it was answered: that is so once the version is ready or has failed.
bool answerVersion(Call& call, bool whatever_its_state) {
  const platform::SnapshotPtr snapshot = call.platform().snapshot();
  const FunctionRecord* function = find(call, *snapshot);
  const platform::VersionEntry* entry = function ? findVersion(call, *function) : nullptr;
  if (!entry) return true;
  if (entry->state == platform::VersionState::kBuilding && !whatever_its_state) return false;
  call.answer(200, toText(versionJson(*function, *entry, call)));
  return true;
}

void version(Call& call) {
  Duration wait{};
  if (const auto text = call.query("wait")) {
    const auto parsed = parseDuration(*text);
    if (!parsed) return call.refuse(parsed.error());
    wait = std::min(*parsed, call.api().limits().longest_wait);
  }
  if (answerVersion(call, wait <= Duration::zero())) return;
  call.waitForChange(call.services().loop.now() + wait,
                     [&call](bool at_deadline) { answerVersion(call, at_deadline); });
}

void removeVersion(Call& call) {
  const auto number = parseDecimal<std::uint32_t>(call.argument(2));
  if (!call.mayTouch(call.argument(0))) return;
  if (!number) return call.refuse(404, "versions have numbers");
  answerFunction(call, call.platform().records().change(nameIn(call), [&](FunctionRecord record) {
    return platform::withoutVersions(std::move(record), std::array{*number});
  }));
}

void retry(Call& call) {
  const platform::SnapshotPtr snapshot = call.platform().snapshot();
  const FunctionRecord* function = find(call, *snapshot);
  const platform::VersionEntry* entry = function ? findVersion(call, *function) : nullptr;
  if (!entry) return;
  if (auto begun = call.services().deployer.retry({function->name, entry->version->number}); !begun) {
    return call.refuse(begun.error());
  }
  answerVersion(call, true);
}

void traffic(Call& call) {
  if (!call.mayTouch(call.argument(0))) return;
  JsonInput input(call.body());
  std::vector<platform::TrafficShare> shares;
  for (const auto& [name, percent] : input.counts()) {
    const auto number = parseDecimal<std::uint32_t>(name);
    if (!number || percent > 100) {
      return call.refuse(400, "write numbers of versions and percents: {\"3\": 90, \"4\": 10}");
    }
    shares.push_back({*number, static_cast<std::uint32_t>(percent)});
  }
  if (auto read = input.finish(); !read) return call.refuse(read.error());
  auto split = platform::TrafficSplit::of(std::move(shares));
  if (!split) return call.refuse(split.error());
  answerFunction(call, call.platform().records().change(nameIn(call), [&](FunctionRecord record) {
    return platform::withTraffic(std::move(record), *split);
  }));
}

void rollback(Call& call) {
  if (!call.mayTouch(call.argument(0))) return;
  answerFunction(call, call.platform().records().change(nameIn(call), [](FunctionRecord record) {
    return platform::withRollback(std::move(record));
  }));
}

void settings(Call& call) {
  if (!call.mayTouch(call.argument(0))) return;
  JsonInput input(call.body());
  const auto visibility = input.optionalText("visibility");
  const auto least = input.count("scale_min");
  const auto most = input.count("scale_max");
  if (auto read = input.finish(); !read) return call.refuse(read.error());
  const auto parsed = visibility ? catalog::parseVisibility(*visibility) : std::nullopt;
  if (visibility && !parsed) return call.refuse(400, "'visibility' is one of public, token, tenant");
  if (least.value_or(0) > catalog::kMaxScale || most.value_or(1) > catalog::kMaxScale || most == 0u) {
    return call.refuse(
        400, fmt::format("'scale_min' is 0 to {}, 'scale_max' is 1 to {}", catalog::kMaxScale, catalog::kMaxScale));
  }
  answerFunction(call,
                 call.platform().records().change(nameIn(call), [&](FunctionRecord record) -> Result<FunctionRecord> {
                   catalog::PlatformSettings overrides = record.overrides;
                   if (parsed) overrides.visibility = *parsed;
                   if (least || most) {
                     catalog::Scale scale = record.scale();
                     scale.min = static_cast<std::uint32_t>(least.value_or(scale.min));
                     scale.max = static_cast<std::uint32_t>(most.value_or(scale.max));
                     if (scale.min > scale.max) return fail(ErrorCode::kInvalid, "'scale_min' is above 'scale_max'");
                     overrides.scale = scale;
                   }
                   return platform::withOverrides(std::move(record), std::move(overrides));
                 }));
}

void why(Call& call) {
  const platform::SnapshotPtr snapshot = call.platform().snapshot();
  const FunctionRecord* function = find(call, *snapshot);
  if (!function) return;
  const std::uint32_t number =
      function->traffic.empty() ? function->leading().version->number : function->traffic.newest();
  call.services().machine.why({function->name, number}, [held = call.shared_from_this()](Result<std::string> told) {
    if (!told) return held->refuse(told.error());
    held->answer(200, std::move(*told));
  });
}

std::uint64_t idOf(const Json& line) {
  const auto id = line.is_object() ? line.find("id") : line.end();
  return id != line.end() && id->is_number_unsigned() ? id->get<std::uint64_t>() : 0;
}

// What is no line of a function's is for all: how many lines a follower has missed.
bool isWanted(const Json& line, const LogQuery& query, std::uint64_t shown) {
  const std::uint64_t id = idOf(line);
  if (id == 0) return true;
  return id > shown && (query.request.empty() || line.value("request", "") == query.request) &&
         (!query.version || line.value("version", 0u) == *query.version);
}

void logs(Call& call) {
  LogQuery query;
  query.function = nameIn(call);
  if (!call.mayTouch(query.function.tenant)) return;
  query.request = call.query("request").value_or("");
  if (const auto since = call.query("since")) {
    const auto age = parseDuration(*since);
    if (!age) return call.refuse(age.error());
    query.since_ms = call.services().unix_ms() - std::chrono::duration_cast<std::chrono::milliseconds>(*age).count();
  }
  if (const auto limit = call.query("limit")) {
    const auto most = parseDecimal<std::size_t>(*limit);
    if (!most) return call.refuse(400, "'limit' is a number");
    query.limit = std::min<std::size_t>(*most, 10'000);
  }
  if (const auto version = call.query("version")) {
    query.version = parseDecimal<std::uint32_t>(*version);
    if (!query.version) return call.refuse(400, "'version' is a number");
  }
  call.beginLines();
  // Followed first: what comes between is told twice then, and left out by its id.
  const auto shown = std::make_shared<std::uint64_t>(0);
  if (call.query("follow")) {
    call.kept = call.services().machine.follow(
        query.function, [weak = call.weak_from_this(), query, shown](std::string_view line) {
          const std::shared_ptr<Call> follower = weak.lock();
          if (follower && isWanted(Json::parse(line, nullptr, false), query, *shown)) follower->line(line);
        });
  }
  for (const std::string& line : call.services().machine.logs(query)) {
    *shown = idOf(Json::parse(line, nullptr, false));
    call.line(line);
  }
  if (!call.kept) call.endLines();
}

}  // namespace

std::vector<Endpoint> functionEndpoints() {
  constexpr Who kAny = Who::kAnyToken;
  using Body = Endpoint::Body;
  return {
      {"GET", "/functions", kAny, Body::kNone, list},
      {"GET", "/functions/{}/{}", kAny, Body::kNone, describe},
      {"DELETE", "/functions/{}/{}", kAny, Body::kNone, remove},
      {"GET", "/functions/{}/{}/versions/{}", kAny, Body::kNone, version},
      {"DELETE", "/functions/{}/{}/versions/{}", kAny, Body::kNone, removeVersion},
      {"POST", "/functions/{}/{}/versions/{}/retry", kAny, Body::kNone, retry},
      {"PUT", "/functions/{}/{}/traffic", kAny, Body::kJson, traffic},
      {"POST", "/functions/{}/{}/rollback", kAny, Body::kNone, rollback},
      {"PATCH", "/functions/{}/{}/settings", kAny, Body::kJson, settings},
      {"GET", "/functions/{}/{}/why", kAny, Body::kNone, why},
      {"GET", "/functions/{}/{}/logs", kAny, Body::kNone, logs},
  };
}

}  // namespace wasabi::api
