#include "serve/function_lines.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace wasabi::serve {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kRingBytes = 1024;  // of one with nothing in it
constexpr std::size_t kMostWordBytes = 128;
constexpr std::string_view kId = "{\"id\":";

std::string textIn(const Json& object, const char* name, std::size_t most = kMostWordBytes) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return {};
  return found->get_ref<const std::string&>().substr(0, most);
}

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// 0 for what is no line of ours.
std::uint64_t idOf(std::string_view line) {
  if (!line.starts_with(kId) || !line.ends_with('}')) return 0;
  line.remove_prefix(kId.size());
  return parseDecimal<std::uint64_t>(line.substr(0, line.find(','))).value_or(0);
}

// The newest lines that are asked for, gathered from the newest on.
class Newest {
 public:
  Newest(const api::LogQuery& query, std::int64_t since_ms, std::size_t most_bytes)
      : limit_(query.limit),
        since_id_(static_cast<std::uint64_t>(std::max<std::int64_t>(since_ms, 0)) * 1000),
        bytes_left_(most_bytes) {
    if (!query.request.empty()) request_ = "\"request\":" + dumped(query.request) + ",";
    if (query.version) version_ = "\"version\":" + std::to_string(*query.version) + ",";
  }

  // False once nothing older is wanted.
  bool take(std::uint64_t id, std::string_view text) {
    if (lines_.size() >= limit_ || id < since_id_ || text.size() > bytes_left_) return done_ = true, false;
    // What a function wrote has its quotes escaped, and cannot pass for a member.
    const bool is_wanted =
        text.find(request_) != std::string_view::npos && text.find(version_) != std::string_view::npos;
    if (!is_wanted) return true;
    bytes_left_ -= text.size();
    lines_.emplace_back(text);
    return true;
  }
  bool done() const { return done_ || lines_.size() >= limit_; }
  std::vector<std::string> oldestFirst() && {
    std::ranges::reverse(lines_);
    return std::move(lines_);
  }

 private:
  const std::size_t limit_;
  const std::uint64_t since_id_;
  std::size_t bytes_left_;
  std::string request_;
  std::string version_;
  std::vector<std::string> lines_;
  bool done_ = false;
};

void takeFrom(std::string_view file, std::uint64_t before, Newest& newest) {
  while (!file.empty() && !newest.done()) {
    if (file.ends_with('\n')) file.remove_suffix(1);
    const std::size_t newline = file.rfind('\n');
    const std::string_view line = newline == std::string_view::npos ? file : file.substr(newline + 1);
    file.remove_suffix(line.size());
    const std::uint64_t id = idOf(line);
    if (id != 0 && id < before) newest.take(id, line);
  }
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
  const FunctionName function{textIn(told, "tenant"), numbered.substr(0, at)};
  if (!services_.made(function, *number)) return true;
  keep(function, dumped({{"time", textIn(told, "time")},
                         {"function", function.toString()},
                         {"version", *number},
                         {"request", textIn(told, "request")},
                         {"stream", textIn(told, "stream")},
                         {"line", textIn(told, "line", limits_.line_bytes)}}));
  return true;
}

void FunctionLines::addOf(const platform::VersionName& version, std::string_view line) {
  if (!services_.made(version.function, version.number)) return;
  std::string time;
  appendTimestamp(time, services_.unix_ms());
  keep(version.function, dumped({{"time", time},
                                 {"function", version.function.toString()},
                                 {"version", version.number},
                                 {"request", ""},
                                 {"stream", "output"},
                                 {"line", line.substr(0, limits_.line_bytes)}}));
}

void FunctionLines::keep(const FunctionName& function, std::string text) {
  const std::scoped_lock lock(mutex_);
  last_id_ = std::max(last_id_ + 1, static_cast<std::uint64_t>(services_.unix_ms()) * 1000);
  text.replace(0, 1, std::string(kId) + std::to_string(last_id_) + ",");
  services_.everything.append(text + "\n");
  services_.files.append(function, text);
  tellFollowers(function, text);

  auto [ring, is_new] = rings_.try_emplace(function);
  const std::size_t bytes = (is_new ? kRingBytes : ring->second.bytes) + sizeof(Line) + text.size();
  ring->second.lines.push_back({last_id_, std::move(text)});
  resize(ring, bytes);
  makeRoom();
}

void FunctionLines::resize(std::unordered_map<FunctionName, Ring>::iterator ring, std::size_t bytes) {
  Ring& one = ring->second;
  bytes_ += bytes - one.bytes;
  by_bytes_.erase({one.bytes, ring->first});
  one.bytes = bytes;
  if (!one.lines.empty()) {
    by_bytes_.insert({bytes, ring->first});
    return;
  }
  bytes_ -= bytes;
  rings_.erase(ring);
}

void FunctionLines::makeRoom() {
  while (bytes_ > limits_.memory_bytes) {
    const auto largest = rings_.find(by_bytes_.rbegin()->second);
    Ring& ring = largest->second;
    const std::size_t given = sizeof(Line) + ring.lines.front().text.size();
    ring.lines.pop_front();
    resize(largest, ring.bytes - given);
  }
}

std::vector<std::string> FunctionLines::last(const api::LogQuery& query) const {
  const std::optional<std::int64_t> made = services_.made(query.function, std::nullopt);
  if (!made) return {};
  Newest newest(query, std::max(query.since_ms, *made), limits_.answer_bytes);
  std::uint64_t before = UINT64_MAX;
  {
    const std::scoped_lock lock(mutex_);
    if (const auto ring = rings_.find(query.function); ring != rings_.end()) {
      const std::deque<Line>& lines = ring->second.lines;
      before = lines.front().id;
      for (auto line = lines.rbegin(); line != lines.rend() && newest.take(line->id, line->text);) ++line;
    }
  }
  if (!newest.done()) {
    for (const std::string& file : services_.files.read(query.function)) takeFrom(file, before, newest);
  }
  return std::move(newest).oldestFirst();
}

std::shared_ptr<void> FunctionLines::follow(const FunctionName& function, UniqueFunction<void(std::string_view)> line) {
  auto follower = std::make_shared<Follower>();
  follower->function = function;
  follower->line = std::move(line);
  const std::scoped_lock lock(mutex_);
  followers_.push_back(follower);
  return follower;
}

void FunctionLines::tellFollowers(const FunctionName& function, const std::string& text) {
  std::erase_if(followers_, [](const std::weak_ptr<Follower>& one) { return one.expired(); });
  for (const std::weak_ptr<Follower>& one : followers_) {
    const std::shared_ptr<Follower> follower = one.lock();
    if (!follower || follower->function != function) continue;
    if (follower->waiting_bytes + text.size() > limits_.follower_bytes) {
      ++follower->dropped;
    } else {
      follower->waiting_bytes += text.size();
      follower->waiting.push_back(text);
    }
    if (follower->called) continue;
    follower->called = true;
    services_.loop.post([this, one] { giveTo(one); });
  }
}

// On the followers' loop. What it does with a line may end it.
void FunctionLines::giveTo(const std::weak_ptr<Follower>& follower) {
  std::vector<std::string> lines;
  {
    const std::shared_ptr<Follower> one = follower.lock();
    if (!one) return;
    const std::scoped_lock lock(mutex_);
    lines.swap(one->waiting);
    one->waiting_bytes = 0;
    one->called = false;
    if (const std::uint64_t dropped = std::exchange(one->dropped, 0); dropped > 0) {
      lines.push_back(dumped({{"dropped", dropped}}));
    }
  }
  for (const std::string& line : lines) {
    const std::shared_ptr<Follower> one = follower.lock();
    if (!one) return;
    one->line(line);
  }
}

}  // namespace wasabi::serve
