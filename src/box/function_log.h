// What one invocation writes to stderr, as lines of its function's log.
//
// Lines longer than a limit are cut into several. Beyond the function's `limits.log` bytes per second, counted with
// what the log adds to each line, lines are dropped; the first line after that says how many.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "base/line_log.h"
#include "base/units.h"
#include "box/access_log.h"
#include "catalog/function_spec.h"

namespace wasabi::box {

// How much a function may still log now; shared by its invocations on all workers. Thread-safe.
class LogBudget {
 public:
  // Takes `size` bytes of a budget that holds and regains `per_second` in a second. When there is not that much, the
  // line counts as dropped.
  bool take(std::size_t size, ByteSize per_second, TimePoint now);
  // Lines dropped since the last call.
  std::uint64_t takeDropped();

 private:
  std::mutex mutex_;
  bool started_ = false;
  TimePoint refilled_;
  double bytes_ = 0;
  std::uint64_t dropped_ = 0;
};

class FunctionLog {
 public:
  FunctionLog(LineLog& log, LogBudget& budget, const catalog::FunctionSpec& function, std::string_view request_id,
              std::size_t max_line_bytes)
      : log_(log), budget_(budget), function_(function), request_id_(request_id), max_line_bytes_(max_line_bytes) {}
  // Writes an unfinished last line.
  ~FunctionLog();
  FunctionLog(const FunctionLog&) = delete;
  FunctionLog& operator=(const FunctionLog&) = delete;

  void write(std::span<const std::byte> data);
  // The invocation runs again from the start: an unfinished line is written as it is, and a line of ours says that what
  // follows may stand above already.
  void beginAnew();
  // A line of our own about this invocation.
  void say(std::string_view line) { emit(LogStream::kRuntime, line); }

 private:
  void endLine();
  void emit(LogStream stream, std::string_view line);

  LineLog& log_;
  LogBudget& budget_;
  const catalog::FunctionSpec& function_;
  const std::string_view request_id_;
  const std::size_t max_line_bytes_;
  std::string partial_;
};

}  // namespace wasabi::box
