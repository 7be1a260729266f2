// The last lines that functions wrote, of all functions together in one bounded ring, and those who follow them.
//
// Thread-safe. Lines that were written a while ago are gone: whoever wants to keep them gives the server a file.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "api/machine.h"
#include "base/function_name.h"
#include "base/line_log.h"
#include "base/unique_function.h"
#include "http/event_loop.h"

namespace wasabi::serve {

class FunctionLines {
 public:
  static constexpr std::size_t kMostBytes = 32 << 20;

  // Followers are called on `loop`. Every line goes to `file` too; both outlive this.
  FunctionLines(http::EventLoop& loop, LineLog& file) : loop_(loop), file_(file) {}

  // A line of a box's function log (docs/box.md). False if it is none.
  bool add(std::string_view box_line);

  std::vector<std::string> last(const api::LogQuery& query) const;
  std::shared_ptr<void> follow(const FunctionName& function, UniqueFunction<void(std::string_view)> line);

 private:
  struct Line {
    FunctionName function;
    std::int64_t unix_ms = 0;
    std::string text;
    std::size_t size() const { return sizeof(Line) + text.size() + function.tenant.size() + function.function.size(); }
  };
  struct Follower {
    FunctionName function;
    UniqueFunction<void(std::string_view)> line;
  };

  http::EventLoop& loop_;
  LineLog& file_;
  mutable std::mutex mutex_;
  std::deque<Line> lines_;
  std::size_t bytes_ = 0;
  std::vector<std::weak_ptr<Follower>> followers_;
};

}  // namespace wasabi::serve
