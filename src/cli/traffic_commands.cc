// invoke, top: what goes on.
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <thread>
#include <utility>

#include "cli/api_answer.h"
#include "cli/table.h"

namespace wasabi::cli {
namespace {

constexpr std::chrono::seconds kRedraw{1};

Result<std::string> bodyOf(const std::string& text) {
  if (text == "-") return std::string(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
  if (!text.starts_with('@')) return text;
  std::ifstream file(text.substr(1), std::ios::binary);
  if (!file) return fail(ErrorCode::kNotFound, "cannot read " + text.substr(1));
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

// Of what was counted since the screen before.
struct Rates {
  std::map<std::string, double> requests;
  double at = 0;
};

std::string screen(const Json& status, Rates& before, Output output) {
  std::string out;
  const double at = numberOf(status, "up_seconds");
  if (status.contains("superpods")) {
    out += fmt::format("up {:.0f} s, superpods: {} wanted by load ({}), {} started, {} died\n\n", at,
                       textOf(status, "superpods_desired"), textOf(status, "scale_reason"),
                       textOf(status, "superpods_started"), textOf(status, "superpods_died"));
    Table superpods({"SUPERPOD", "STATE", "FOR", "VERSIONS", "BOOKED", "OF", "RUNNING", "CPU"});
    for (const Json& one : status["superpods"]) {
      superpods.add({textOf(one, "name"), stateOf(one, output), textOf(one, "made_for"), textOf(one, "versions"),
                     shortBytes(numberOf(one, "booked_bytes")), shortBytes(numberOf(one, "capacity_bytes")),
                     textOf(one, "invocations"), fmt::format("{:.2f}", numberOf(one, "cores_used"))});
    }
    out += superpods.text() + "\n";
  }
  if (!status.value("containers", Json::array()).empty()) {
    Table containers(kContainersColumns);
    for (const Json& one : status["containers"]) containers.add(containersRow(one, output));
    out += containers.text() + "\n";
  }
  if (!status.value("tenants", Json::array()).empty()) {
    Table tenants({"TENANT", "BOOKED", "OF", "RUNNING", "WAITING"});
    for (const Json& one : status["tenants"]) {
      const bool is_limited = one.contains("memory_quota_bytes");
      tenants.add({textOf(one, "name"), shortBytes(numberOf(one, "booked_bytes")),
                   is_limited ? shortBytes(numberOf(one, "memory_quota_bytes")) : "-", textOf(one, "running"),
                   textOf(one, "waiting")});
    }
    out += tenants.text() + "\n";
  }
  Table functions({"FUNCTION", "REQUESTS", "PER S", "FAILED", "REFUSED", "RUNNING", "WAITING", "MEAN MS", "ON"});
  Rates now{{}, at};
  for (const Json& one : status["functions"]) {
    const std::string name = textOf(one, "name");
    const double requests = numberOf(one, "requests");
    now.requests[name] = requests;
    const auto earlier = before.requests.find(name);
    const bool known = earlier != before.requests.end() && at > before.at;
    const double rate = known ? (requests - earlier->second) / (at - before.at) : 0;
    functions.add({name, textOf(one, "requests"), known ? fmt::format("{:.1f}", rate) : "-", textOf(one, "failed"),
                   textOf(one, "refused"), textOf(one, "running"), textOf(one, "waiting"),
                   requests > 0 ? fmt::format("{:.2f}", 1000 * numberOf(one, "seconds") / requests) : "-",
                   textOf(one, "superpods")});
  }
  before = std::move(now);
  return out + functions.text();
}

}  // namespace

Result<void> invoke(ApiClient& client, const InvokeCommand& command, Output output) {
  const std::size_t at = command.function.find('@');
  const auto path = functionPath(command.function.substr(0, at));
  if (!path) return fail(path.error());
  ApiRequest request;
  request.target = "/" + command.function;
  request.target += command.path.starts_with('/') ? command.path : "/" + command.path;
  if (command.body) {
    auto body = bodyOf(*command.body);
    if (!body) return fail(std::move(body.error()));
    request.body = std::move(*body);
  }
  request.method = !command.method.empty() ? command.method : command.body ? "POST" : "GET";
  for (const std::string& header : command.headers) {
    const std::size_t colon = header.find(':');
    if (colon == std::string::npos) return fail(ErrorCode::kInvalid, "write headers as 'Name: value'");
    const std::size_t value = header.find_first_not_of(' ', colon + 1);
    request.headers.emplace_back(header.substr(0, colon), value == std::string::npos ? "" : header.substr(value));
  }
  auto reply = client.send(
      request, output == Output::kJson ? ApiClient::OnChunk() : [](std::string_view chunk) {
        print(std::string(chunk));
        return true;
      });
  if (!reply) return fail(std::move(reply.error()));
  if (output == Output::kJson) {
    Json headers = Json::object();
    for (const auto field : reply->headers) headers[std::string(field.name)] = field.value;
    printJson({{"status", reply->status}, {"headers", headers}, {"body", reply->body}});
    return {};
  }
  if (reply->status < 300) return {};
  print(reply->body);
  return fail(ErrorCode::kInternal, fmt::format("the function answered {}", reply->status));
}

Result<void> top(ApiClient& client, bool once, Output output) {
  const bool again = !once && output != Output::kJson && ::isatty(STDOUT_FILENO) != 0;
  Rates rates;
  while (true) {
    auto status = ask(client, "GET", "/status");
    if (!status) return fail(std::move(status.error()));
    if (output == Output::kJson) {
      printJson(*status);
      return {};
    }
    const std::string text = screen(*status, rates, output);
    print(again ? "\x1b[H\x1b[2J" + text : text);
    if (!again) return {};
    std::this_thread::sleep_for(kRedraw);
  }
}

}  // namespace wasabi::cli
