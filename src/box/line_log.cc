#include "box/line_log.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

namespace wasabi::box {
namespace {

// The writer gathers lines for this long, so that a busy box makes few large writes and no wake-up per request.
constexpr auto kGather = std::chrono::milliseconds(20);

std::uint64_t countLines(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

Result<FileDescriptor> LineLog::openTarget(const std::string& target) {
  FileDescriptor file;
  if (target == "-") {
    file = FileDescriptor(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
  } else if (!target.empty()) {
    file = FileDescriptor(::open(target.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
  }
  if (!target.empty() && !file.valid()) return fail(Error::fromErrno("cannot open the log " + target, errno));
  return file;
}

LineLog::LineLog(FileDescriptor file, std::size_t max_buffered_bytes)
    : file_(std::move(file)), max_buffered_bytes_(max_buffered_bytes) {
  if (!file_.valid()) return;
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "log");
    run();
  });
}

LineLog::~LineLog() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  filled_.notify_one();
  thread_.join();
}

void LineLog::append(std::string_view lines) {
  if (!enabled()) return;
  bool was_empty = false;
  {
    std::lock_guard lock(mutex_);
    if (buffer_.size() + lines.size() > max_buffered_bytes_) {
      dropped_.fetch_add(countLines(lines), std::memory_order_relaxed);
      return;
    }
    was_empty = buffer_.empty();
    buffer_ += lines;
  }
  if (was_empty) filled_.notify_one();
}

void LineLog::run() {
  std::string writing;
  std::unique_lock lock(mutex_);
  while (!stopping_ || !buffer_.empty()) {
    filled_.wait(lock, [this] { return stopping_ || !buffer_.empty(); });
    filled_.wait_for(lock, kGather, [this] { return stopping_; });
    writing.clear();
    writing.swap(buffer_);
    lock.unlock();
    if (!writeOut(writing)) dropped_.fetch_add(countLines(writing), std::memory_order_relaxed);
    lock.lock();
  }
}

// A full disk or a closed pipe loses these lines, not the process.
bool LineLog::writeOut(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace wasabi::box
