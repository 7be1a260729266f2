#include "serve/function_lines.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace wasabi::serve {
namespace {

using Json = nlohmann::ordered_json;

std::string textIn(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

// In a box the version is part of the function's name.
bool FunctionLines::add(std::string_view box_line) {
  const Json told = Json::parse(box_line, nullptr, false);
  if (!told.is_object() || !told.contains("line") || !told.contains("stream")) return false;
  const std::string numbered = textIn(told, "function");
  const std::size_t at = numbered.find('@');
  const auto number =
      at == std::string::npos ? std::nullopt : parseDecimal<std::uint32_t>(std::string_view(numbered).substr(at + 1));
  if (!number) return false;
  Line line{{textIn(told, "tenant"), numbered.substr(0, at)}, unixMilliseconds(), {}};
  const Json text = {
      {"time", textIn(told, "time")},       {"function", line.function.toString()}, {"version", *number},
      {"request", textIn(told, "request")}, {"stream", textIn(told, "stream")},     {"line", textIn(told, "line")}};
  line.text = text.dump(-1, ' ', false, Json::error_handler_t::replace);
  file_.append(line.text + "\n");

  const std::scoped_lock lock(mutex_);
  std::erase_if(followers_, [](const std::weak_ptr<Follower>& one) { return one.expired(); });
  for (const std::weak_ptr<Follower>& one : followers_) {
    const std::shared_ptr<Follower> follower = one.lock();
    if (!follower || follower->function != line.function) continue;
    loop_.post([one, copy = line.text] {
      if (const std::shared_ptr<Follower> still_there = one.lock()) still_there->line(copy);
    });
  }
  bytes_ += line.size();
  lines_.push_back(std::move(line));
  while (bytes_ > kMostBytes) {
    bytes_ -= lines_.front().size();
    lines_.pop_front();
  }
  return true;
}

std::vector<std::string> FunctionLines::last(const api::LogQuery& query) const {
  std::vector<std::string> found;
  const std::scoped_lock lock(mutex_);
  for (auto line = lines_.rbegin(); line != lines_.rend() && found.size() < query.limit; ++line) {
    if (line->unix_ms < query.since_ms) break;
    if (line->function != query.function) continue;
    if (!query.request.empty() && line->text.find("\"" + query.request + "\"") == std::string::npos) continue;
    found.push_back(line->text);
  }
  std::ranges::reverse(found);
  return found;
}

std::shared_ptr<void> FunctionLines::follow(const FunctionName& function, UniqueFunction<void(std::string_view)> line) {
  auto follower = std::make_shared<Follower>(Follower{function, std::move(line)});
  const std::scoped_lock lock(mutex_);
  followers_.push_back(follower);
  return follower;
}

}  // namespace wasabi::serve
