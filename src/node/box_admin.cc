#include "node/box_admin.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace wasabi::node {
namespace {

using nlohmann::json;

constexpr double kMemoryUnitBytes = 200.0 * (1 << 20);  // of booked_units

Result<json> parsed(Result<std::string> text) {
  if (!text) return fail(std::move(text.error()));
  json object = json::parse(*text, nullptr, false);
  if (!object.is_object()) return fail(ErrorCode::kCorrupt, "the box answered something that is no JSON object");
  return object;
}

// What is no amount counts as none: a box may have been taken over.
double amount(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? std::max(found->get<double>(), 0.0) : 0.0;
}

std::uint64_t count(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

ByteSize bytesOf(double units) {
  constexpr double kMost = 1e18;
  return {static_cast<std::uint64_t>(std::min(units * kMemoryUnitBytes, kMost))};
}

std::vector<TenantUse> tenantsOf(const json& object) {
  std::vector<TenantUse> tenants;
  const auto told = object.find("tenants");
  if (told == object.end() || !told->is_array()) return tenants;
  for (const json& one : *told) {
    if (!one.is_object()) continue;
    const json tenant = one.value("tenant", json());
    if (tenant.is_string()) tenants.push_back({tenant, amount(one, "cpu_seconds"), amount(one, "memory_byte_seconds")});
  }
  return tenants;
}

Result<BoxLoad> loadOf(Result<std::string> text) {
  auto object = parsed(std::move(text));
  if (!object) return fail(std::move(object.error()));
  BoxLoad load;
  load.ready = object->value("ready", json(false)) == json(true);
  load.capacity = {count(*object, "capacity_memory_bytes")};
  load.capacity_cores = amount(*object, "capacity_cpu");
  load.booked = bytesOf(amount(*object, "booked_units"));
  load.cpu_seconds = amount(*object, "cpu_seconds");
  load.booked_byte_seconds = amount(*object, "booked_unit_seconds") * kMemoryUnitBytes;
  load.requests = count(*object, "requests");
  load.invocations = count(*object, "invocations");
  load.programs_loaded = count(*object, "programs_loaded");
  load.tenants = tenantsOf(*object);
  return load;
}

Result<std::vector<ManifestProblem>> problemsOf(Result<std::string> text) {
  auto object = parsed(std::move(text));
  if (!object) return fail(std::move(object.error()));
  std::vector<ManifestProblem> problems;
  const auto told = object->find("problems");
  if (told == object->end() || !told->is_array()) return problems;
  for (const json& one : *told) {
    if (!one.is_object()) continue;
    const json file = one.value("file", json());
    const json reason = one.value("reason", json());
    if (file.is_string() && reason.is_string()) problems.push_back({file, reason});
  }
  return problems;
}

// Callers of functions may read this: what the client says of its failure names a path of the host.
Result<std::string> textOf(Result<http::Asker::Answer> answer) {
  if (answer) {
    if (answer->status == 200) return std::move(answer->body);
    return fail(ErrorCode::kUnavailable, fmt::format("the box answered {}", answer->status));
  }
  switch (answer.error().code()) {
    case ErrorCode::kTimeout:
      return fail(ErrorCode::kTimeout, "the box did not answer in time");
    case ErrorCode::kCorrupt:
      return fail(ErrorCode::kCorrupt, "the box answered more than a box may");
    default:
      return fail(ErrorCode::kUnavailable, "the box ended or cannot be reached");
  }
}

}  // namespace

BoxAdmin::BoxAdmin(http::EventLoop& loop, http::Client& client, std::string socket, Duration patience)
    : socket_(std::move(socket)), asker_(loop, client, {patience, kMostAnswerBytes}) {}

void BoxAdmin::ask(const std::string& method, const std::string& target, TakeText take) {
  http::ClientRequest request;
  request.method = method;
  request.target = target;
  request.authority = "box";
  request.endpoint.name = socket_;
  asker_.ask(request, {},
             [take = std::move(take)](Result<http::Asker::Answer> answer) mutable { take(textOf(std::move(answer))); });
}

void BoxAdmin::load(UniqueFunction<void(Result<BoxLoad>)> take) {
  ask("GET", "/-/load", [take = std::move(take)](Result<std::string> text) mutable { take(loadOf(std::move(text))); });
}

void BoxAdmin::reload(UniqueFunction<void(Result<std::vector<ManifestProblem>>)> take) {
  ask("POST", "/-/reload",
      [take = std::move(take)](Result<std::string> text) mutable { take(problemsOf(std::move(text))); });
}

void BoxAdmin::why(const std::string& version, UniqueFunction<void(Result<std::string>)> take) {
  ask("GET", "/-/why?function=" + version, std::move(take));
}

}  // namespace wasabi::node
