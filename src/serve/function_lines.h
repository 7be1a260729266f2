// What functions wrote: the last lines of each in memory, more of them in files, and those who follow them.
//
//   a superpod's line --add()--> ring of the function --> followers (on their loop)
//                                                     \-> FunctionLogFiles (on its thread)
//
// A line, as it is kept and told:
//   {"id":1764161054123000,"time":"...","function":"acme/hello","version":3,"request":"...","stream":"stderr","line":"..."}
// Ids grow, over restarts too as long as the clock is not set back, and are never given twice.
//
// Thread-safe. Nobody waits for the disk but last().
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "api/machine.h"
#include "base/function_name.h"
#include "base/line_log.h"
#include "base/unique_function.h"
#include "http/event_loop.h"
#include "serve/function_log_files.h"

namespace wasabi::serve {

class FunctionLines {
 public:
  struct Limits {
    std::size_t memory_bytes = 32 << 20;     // of all functions together: who holds most gives first
    std::size_t line_bytes = 16 << 10;       // of what a line says; the rest is cut off
    std::size_t follower_bytes = 256 << 10;  // that a follower has not been given; the rest is dropped, and it is told
    std::size_t answer_bytes = 768 << 10;    // of last()
  };
  // When a function was made (UNIX time, ms); nothing where there is none, or no such version of it. What others wrote
  // is not taken: a superpod says what it likes. Called from any thread.
  using Made = std::function<std::optional<std::int64_t>(const FunctionName&, std::optional<std::uint32_t> version)>;

  struct Services {
    http::EventLoop& loop;    // of followers
    LineLog& everything;      // every line goes there too
    FunctionLogFiles& files;  // all three outlive this
    Made made;
    std::function<std::int64_t()> unix_ms;
  };
  FunctionLines(Services services, Limits limits) : services_(std::move(services)), limits_(limits) {}

  // A line of a box's function log (docs/box.md). False if it is none; true also where it is not taken.
  bool add(std::string_view box_line);
  // What a container of the version wrote.
  void addOf(const platform::VersionName& version, std::string_view line);

  // The newest, oldest first, since the function was made.
  std::vector<std::string> last(const api::LogQuery& query) const;
  // What is added from now on, until what is returned is destroyed. After lines that were dropped: {"dropped":12}.
  std::shared_ptr<void> follow(const FunctionName& function, UniqueFunction<void(std::string_view)> line);
  // That did not get into the files.
  std::uint64_t droppedLines() const { return services_.files.droppedLines(); }

 private:
  struct Line {
    std::uint64_t id = 0;
    std::string text;
  };
  struct Ring {
    std::deque<Line> lines;
    std::size_t bytes = 0;
  };
  struct Follower {
    FunctionName function;
    UniqueFunction<void(std::string_view)> line;
    std::vector<std::string> waiting;
    std::size_t waiting_bytes = 0;
    std::uint64_t dropped = 0;
    bool called = false;
  };

  void keep(const FunctionName& function, std::string text);
  void tellFollowers(const FunctionName& function, const std::string& text);
  void giveTo(const std::weak_ptr<Follower>& follower);
  void resize(std::unordered_map<FunctionName, Ring>::iterator ring, std::size_t bytes);
  void makeRoom();

  const Services services_;
  const Limits limits_;
  mutable std::mutex mutex_;
  std::unordered_map<FunctionName, Ring> rings_;
  std::set<std::pair<std::size_t, FunctionName>> by_bytes_;  // who holds how much
  std::size_t bytes_ = 0;
  std::uint64_t last_id_ = 0;
  std::vector<std::weak_ptr<Follower>> followers_;
};

}  // namespace wasabi::serve
