#include "cli/api_answer.h"

#include <fmt/format.h>

#include <cstdio>
#include <utility>

#include "base/function_name.h"
#include "cli/screen_text.h"
#include "cli/table.h"

namespace wasabi::cli {

Result<Json> ask(ApiClient& client, const std::string& method, const std::string& path, const Json& body,
                 Duration patience) {
  auto text = client.call(method, path, body.is_null() ? std::string() : body.dump(), "application/json", patience);
  if (!text) return fail(std::move(text.error()));
  Json answer = Json::parse(*text, nullptr, false);
  if (!answer.is_object()) return fail(ErrorCode::kCorrupt, "the server's answer is no JSON object");
  return answer;
}

std::string textOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string stateOf(const Json& object, Output output) {
  const std::string state = textOf(object, "state");
  return output == Output::kColours ? paintedState(state) : state;
}

double numberOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

std::vector<std::string> containersRow(const Json& containers, Output output) {
  std::size_t ready = 0;
  double running = 0;
  double cores = 0;
  double memory = 0;
  for (const Json& replica : containers.value("replicas", Json::array())) {
    ready += textOf(replica, "state") == "ready" ? 1 : 0;
    running += numberOf(replica, "running");
    cores += numberOf(replica, "cores_used");
    memory += numberOf(replica, "memory_bytes");
  }
  std::string last_end;
  if (const Json end = containers.value("last_end", Json::object()); !end.empty()) {
    last_end = fmt::format("{:.0f} s ago: {}", numberOf(end, "seconds_ago"), textOf(end, "why"));
  }
  return {textOf(containers, "version"),
          stateOf(containers, output),
          std::to_string(ready),
          textOf(containers, "desired"),
          textOf(containers, "scale_reason") + (textOf(containers, "scaled_by") == "cpu" ? ", by cpu" : ""),
          fmt::format("{:.0f}", running),
          fmt::format("{:.2f}", cores),
          shortBytes(memory),
          textOf(containers, "died"),
          std::move(last_end)};
}

Result<std::string> functionPath(const std::string& function) {
  const auto name = parseFunctionName(function);
  if (!name) return fail(name.error());
  return "/functions/" + name->toString();
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

int exitCodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return 2;
    case ErrorCode::kNotFound:
      return 3;
    case ErrorCode::kDenied:
      return 4;
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
      return 5;
    default:
      return 1;
  }
}

}  // namespace wasabi::cli
