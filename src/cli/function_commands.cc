// list, describe, versions, traffic, rollback, delete, why.
#include <fmt/format.h>

#include <utility>

#include "base/text.h"
#include "cli/api_answer.h"
#include "cli/table.h"
#include "cli/why_command.h"

namespace wasabi::cli {
namespace {

std::string trafficText(const Json& traffic) {
  std::string text;
  for (const auto& entry : traffic.items())
    text += fmt::format("{}v{}={}", text.empty() ? "" : " ", entry.key(), entry.value().dump());
  return text.empty() ? "none" : text;
}

Result<void> show(Result<Json> answer, Output output, void (*as_text)(const Json&, Output)) {
  if (!answer) return fail(std::move(answer.error()));
  if (output == Output::kJson) {
    printJson(*answer);
  } else {
    as_text(*answer, output);
  }
  return {};
}

void showFunction(const Json& function, Output) {
  print(fmt::format("{}\n", textOf(function, "name")));
  print(fmt::format("  url         {}\n", textOf(function, "url")));
  print(fmt::format("  traffic     {}\n", trafficText(function["traffic"])));
  print(fmt::format("  visibility  {}\n", textOf(function, "visibility")));
  for (const Json& problem : function.value("problems", Json::array())) {
    print(fmt::format("  problem     {}\n", problem.get<std::string>()));
  }
}

void showVersions(const Json& function, Output output) {
  Table table({"VERSION", "STATE", "TRAFFIC", "MEMORY", "CREATED", "BY", "SOURCE", "REASON"});
  for (const Json& version : function["versions"]) {
    table.add({"v" + textOf(version, "number"), stateOf(version, output), textOf(version, "percent") + " %",
               shortBytes(numberOf(version, "memory_bytes")), textOf(version, "created"), textOf(version, "created_by"),
               textOf(version, "source"), textOf(version, "reason")});
  }
  print(table.text());
}

void describeFunction(const Json& function, Output output) {
  showFunction(function, output);
  print("\n");
  showVersions(function, output);
  if (!function.contains("containers")) return;
  Table containers(kContainersColumns);
  for (const Json& one : function["containers"]) containers.add(containersRow(one, output));
  print("\n" + containers.text());
  for (const Json& version : function["versions"]) {
    if (!version.contains("image")) continue;
    print(fmt::format("  image of v{}  {}\n", textOf(version, "number"), textOf(version, "image")));
  }
}

}  // namespace

Result<void> list(ApiClient& client, const std::string& tenant, Output output) {
  auto answer = ask(client, "GET", "/functions" + (tenant.empty() ? "" : "?tenant=" + tenant));
  return show(std::move(answer), output, [](const Json& told, [[maybe_unused]] Output as) {
    Table table({"FUNCTION", "STATE", "TRAFFIC", "VISIBILITY", "URL"});
    for (const Json& function : told["functions"]) {
      table.add({textOf(function, "name"), stateOf(function, as), trafficText(function["traffic"]),
                 textOf(function, "visibility"), textOf(function, "url")});
    }
    print(table.text());
  });
}

Result<void> describe(ApiClient& client, const std::string& function, Output output) {
  const auto path = functionPath(function);
  if (!path) return fail(path.error());
  return show(ask(client, "GET", *path), output, describeFunction);
}

Result<void> versions(ApiClient& client, const std::string& function, Output output) {
  const auto path = functionPath(function);
  if (!path) return fail(path.error());
  return show(ask(client, "GET", *path), output, showVersions);
}

Result<void> traffic(ApiClient& client, const std::string& function, const std::vector<std::string>& shares,
                     Output output) {
  const auto path = functionPath(function);
  if (!path) return fail(path.error());
  Json body = Json::object();
  for (const std::string& share : shares) {
    const std::size_t equals = share.find('=');
    const std::string_view text = share;
    const auto percent =
        equals == std::string::npos ? std::nullopt : parseDecimal<std::uint32_t>(text.substr(equals + 1));
    const std::string_view number = text.substr(0, equals);
    if (!percent || number.size() < 2 || number.front() != 'v') {
      return fail(ErrorCode::kInvalid, fmt::format("'{}' is no share; write v3=90 v4=10", share));
    }
    body[std::string(number.substr(1))] = *percent;
  }
  return show(ask(client, "PUT", *path + "/traffic", body), output, showFunction);
}

Result<void> rollback(ApiClient& client, const std::string& function, Output output) {
  const auto path = functionPath(function);
  if (!path) return fail(path.error());
  return show(ask(client, "POST", *path + "/rollback"), output, showFunction);
}

Result<void> remove(ApiClient& client, const std::string& function, Output output) {
  const auto path = functionPath(function);
  if (!path) return fail(path.error());
  return show(ask(client, "DELETE", *path), output,
              [](const Json& told, [[maybe_unused]] Output as) { print(textOf(told, "deleted") + " is deleted\n"); });
}

Result<void> whyRemote(ApiClient& client, const std::string& function, Output output) {
  const auto path = functionPath(function);
  if (!path) return fail(path.error());
  auto told = client.call("GET", *path + "/why");
  if (!told) return fail(std::move(told.error()));
  if (output == Output::kJson) {
    print(*told);
    return {};
  }
  auto words = describeWhy(*told);
  if (!words) return fail(std::move(words.error()));
  print(*words);
  return {};
}

}  // namespace wasabi::cli
