#include "cli/why_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/function_name.h"
#include "base/units.h"
#include "cli/admin_client.h"

namespace wasabi::cli {
namespace {

using nlohmann::json;

// Above the time within which the box answers in any case.
constexpr Duration kPatience = std::chrono::seconds(15);

// Words of ours only: nothing in them needs an escape.
Result<std::string> targetOf(const WhyOptions& options) {
  const auto name = parseFunctionName(options.function);
  if (!name) return fail(name.error());
  std::string target = "/-/why?function=" + name->toString();
  if (options.timeout.empty()) return target;
  const auto timeout = parseDuration(options.timeout);
  if (!timeout) return fail(timeout.error());
  return target + "&timeout=" + toString(*timeout);
}

bool isWords(const json& list) {
  return list.is_array() && std::all_of(list.begin(), list.end(), [](const json& line) { return line.is_string(); });
}

}  // namespace

Result<std::string> describeWhy(const std::string& text) {
  const json told = json::parse(text, nullptr, false);
  const json words = told.is_object() ? told.value("words", json::object()) : json::object();
  if (!words.is_object() || !words.value("answer", json()).is_string() || !isWords(words.value("because", json())) ||
      !isWords(words.value("to_run", json()))) {
    return fail(ErrorCode::kInvalid, "the answer of the box is not the expected JSON; is it of another version?");
  }
  std::string out = words["answer"].get<std::string>() + "\n";
  const auto add = [&out](const json& lines) {
    for (const json& line : lines) fmt::format_to(std::back_inserter(out), "  {}\n", line.get<std::string>());
  };
  add(words["because"]);
  if (words["to_run"].empty()) return out;
  out += "it runs when\n";
  add(words["to_run"]);
  return out;
}

Result<std::string> why(const WhyOptions& options, const AdminPlaces& places) {
  const auto target = targetOf(options);
  if (!target) return fail(target.error());
  const auto address = adminAddress(options.admin, places);
  if (!address) return fail(address.error());
  auto reply = askAdmin(*address, *target, kPatience);
  if (!reply) return fail(std::move(reply.error()));
  if (reply->status != 200) {
    while (reply->body.ends_with('\n')) reply->body.pop_back();
    return fail(ErrorCode::kNotFound, reply->body);
  }
  return options.as_json ? std::move(reply->body) : describeWhy(reply->body);
}

}  // namespace wasabi::cli
