#include "base/line_log.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <utility>

namespace wasabi {
namespace {

// The writer gathers lines for this long, so that a busy box makes few large writes and no wake-up per request.
constexpr auto kGather = std::chrono::milliseconds(20);

// How long whoever reads a pipe may take once the log is to end.
constexpr auto kLastWait = std::chrono::seconds(2);

bool isRegularFile(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

std::uint64_t countLines(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

Result<FileDescriptor> LineLog::openTarget(const std::string& target) {
  FileDescriptor file;
  if (target == "-") {
    file = FileDescriptor(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
  } else if (!target.empty()) {
    // Opening a pipe that nobody reads would wait for a reader.
    file = FileDescriptor(::open(target.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640));
    if (!file.valid() && errno == ENXIO) {
      return fail(ErrorCode::kUnavailable,
                  "the log " + target + " is a pipe that nobody reads; start its reader first");
    }
  }
  if (!target.empty() && !file.valid()) return fail(Error::fromErrno("cannot open the log " + target, errno));
  return file;
}

LineLog::LineLog(FileDescriptor file, std::size_t max_buffered_bytes)
    : file_(std::move(file)), regular_(isRegularFile(file_.get())), max_buffered_bytes_(max_buffered_bytes) {
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
    filled_.wait_for(lock, kGather, [this] { return stopping_.load(); });
    writing.clear();
    writing.swap(buffer_);
    lock.unlock();
    if (!writeOut(writing)) dropped_.fetch_add(countLines(writing), std::memory_order_relaxed);
    lock.lock();
  }
}

// A full disk or a closed pipe loses these lines, not the process. A pipe that takes so much at once takes it without
// making the writer wait.
bool LineLog::writeOut(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!regular_ && !waitForReader()) return false;
    const std::size_t size = regular_ ? bytes.size() : std::min<std::size_t>(bytes.size(), PIPE_BUF);
    const ssize_t written = ::write(file_.get(), bytes.data(), size);
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// False once the log is to end and the reader has been waited for long enough.
bool LineLog::waitForReader() {
  constexpr int kLookMilliseconds = 50;
  auto stopping_for = std::chrono::milliseconds::zero();
  while (stopping_for < kLastWait) {
    pollfd writable{file_.get(), POLLOUT, 0};
    if (::poll(&writable, 1, kLookMilliseconds) > 0) return true;
    if (stopping_) stopping_for += std::chrono::milliseconds(kLookMilliseconds);
  }
  return false;
}

}  // namespace wasabi
