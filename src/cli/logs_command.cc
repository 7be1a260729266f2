// wasabi logs: lines of a function, and those to come, over the ends of connections and servers.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>
#include <utility>

#include "cli/api_answer.h"
#include "cli/screen_text.h"

namespace wasabi::cli {
namespace {

using std::chrono::seconds;

constexpr int kMostAttempts = 10;  // one after the other in vain
constexpr Duration kLongestWait = seconds(5);
constexpr Duration kWasThere = seconds(10);  // a connection that lasted so long was none in vain
// Asked for again after a cut: the clock of the server may be another, and lines that were shown are known by their id.
constexpr seconds kAgain{60};

// "12:00:01.234 acme/hello@3 stderr: text", of one line of the API's JSON lines.
std::string readable(const Json& told, const std::string& line, Output output) {
  if (!told.is_object()) return harmless(line);
  if (told.contains("dropped")) return fmt::format("... {} lines are missing here", textOf(told, "dropped"));
  const std::string head = fmt::format("{} {}@{} {}:", textOf(told, "time"), textOf(told, "function"),
                                       textOf(told, "version"), textOf(told, "stream"));
  const std::string text = textOf(told, "line");
  if (output != Output::kColours) return head + " " + text;
  return painted(harmless(head), Colour::kFaint) + " " + harmless(text);
}

// Puts the lines together, and shows each once.
class Lines {
 public:
  explicit Lines(Output output) : output_(output) {}

  void take(std::string_view chunk) {
    begun_ += chunk;
    std::size_t begin = 0;
    for (std::size_t end; (end = begun_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      show(begun_.substr(begin, end - begin));
    }
    begun_.erase(0, begin);
  }
  // The connection was cut: what had come of a line comes again.
  void cut() { begun_.clear(); }
  std::uint64_t shown() const { return shown_; }
  TimePoint last() const { return last_; }

 private:
  void show(const std::string& line) {
    const Json told = Json::parse(line, nullptr, false);
    const auto id = told.is_object() && told.contains("id") && told["id"].is_number_unsigned()
                        ? told["id"].get<std::uint64_t>()
                        : 0;
    if (id != 0 && id <= last_id_) return;
    last_id_ = std::max(last_id_, id);
    last_ = Clock::now();
    ++shown_;
    print((output_ == Output::kJson ? line : readable(told, line, output_)) + "\n");
  }

  const Output output_;
  std::string begun_;
  std::uint64_t last_id_ = 0;
  std::uint64_t shown_ = 0;
  TimePoint last_ = Clock::now();
};

bool mayPass(const Result<void>& ended) {
  return ended || ended.error().code() == ErrorCode::kUnavailable || ended.error().code() == ErrorCode::kTimeout;
}

}  // namespace

Result<void> logs(ApiClient& client, const LogsCommand& command, Output output) {
  const auto path = functionPath(command.function);
  if (!path) return fail(path.error());
  std::string query = *path + "/logs?limit=" + std::to_string(command.limit);
  if (command.follow) query += "&follow";
  if (!command.request.empty()) query += "&request=" + command.request;
  if (command.version) query += "&version=" + std::to_string(*command.version);

  Lines lines(output);
  const auto take = [&](std::string_view chunk) {
    lines.take(chunk);
    return true;
  };
  std::string since = command.since;
  Duration wait = command.first_wait;
  for (int attempt = 1;; ++attempt) {
    const TimePoint begin = Clock::now();
    const std::uint64_t shown = lines.shown();
    const auto ended = client.follow(query + (since.empty() ? "" : "&since=" + since), take);
    if (!command.follow || !mayPass(ended)) return ended;
    lines.cut();
    if (lines.shown() > shown || Clock::now() - begin > kWasThere) {
      attempt = 0;
      wait = command.first_wait;
    }
    if (attempt >= kMostAttempts) return ended ? fail(ErrorCode::kUnavailable, "the server ends the log") : ended;
    if (attempt > 1 && !ended) fmt::print(stderr, "wasabi: {}; trying again\n", ended.error().message());
    std::this_thread::sleep_for(wait);
    wait = std::min(2 * wait, kLongestWait);
    if (lines.shown() > 0) {
      const auto quiet = std::chrono::duration_cast<seconds>(Clock::now() - lines.last());
      since = fmt::format("{}s", (quiet + kAgain).count());
    }
  }
}

}  // namespace wasabi::cli
