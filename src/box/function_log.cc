#include "box/function_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace wasabi::box {
namespace {

// What the log adds to a line: time, names and request. Without it a flood of empty lines would cost nothing.
constexpr std::size_t kAddedToLine = 160;

}  // namespace

bool LogBudget::take(std::size_t size, ByteSize per_second, TimePoint now) {
  std::lock_guard lock(mutex_);
  const auto most = static_cast<double>(per_second.value);
  const double seconds = toSeconds(now - refilled_);
  bytes_ = started_ ? std::min(most, bytes_ + seconds * most) : most;
  started_ = true;
  refilled_ = now;
  if (static_cast<double>(size) > bytes_) {
    ++dropped_;
    return false;
  }
  bytes_ -= static_cast<double>(size);
  return true;
}

std::uint64_t LogBudget::takeDropped() {
  std::lock_guard lock(mutex_);
  return std::exchange(dropped_, 0);
}

FunctionLog::~FunctionLog() {
  endLine();
}

void FunctionLog::beginAnew() {
  endLine();
  say("begins anew, from the start: what this request has written before this line may come again");
}

void FunctionLog::endLine() {
  if (partial_.empty()) return;
  emit(LogStream::kStderr, partial_);
  partial_.clear();
}

void FunctionLog::write(std::span<const std::byte> data) {
  if (!log_.enabled()) return;
  std::string_view text = textOf(data);
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    const std::size_t room = max_line_bytes_ - partial_.size();
    const std::size_t taken = std::min({newline, text.size(), room});
    partial_ += text.substr(0, taken);
    text.remove_prefix(taken);
    const bool line_ends = !text.empty() && text.front() == '\n';
    if (line_ends) text.remove_prefix(1);
    if (line_ends || partial_.size() == max_line_bytes_) {
      emit(LogStream::kStderr, partial_);
      partial_.clear();
    }
  }
}

void FunctionLog::emit(LogStream stream, std::string_view line) {
  if (!log_.enabled()) return;
  // Why an invocation failed is said whatever the function may log.
  const bool counts = stream == LogStream::kStderr;
  if (counts && !budget_.take(line.size() + kAddedToLine, function_.limits.log_per_second, Clock::now())) return;
  std::string lines;
  const std::int64_t now = unixMilliseconds();
  if (const std::uint64_t dropped = budget_.takeDropped()) {
    appendFunctionLine(lines, function_, request_id_, LogStream::kRuntime,
                       fmt::format("{} lines were dropped: more than limits.log ({} per second)", dropped,
                                   toString(function_.limits.log_per_second)),
                       now);
  }
  appendFunctionLine(lines, function_, request_id_, stream, line, now);
  log_.append(lines);
}

}  // namespace wasabi::box
