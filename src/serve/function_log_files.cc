#include "serve/function_log_files.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>

#include "base/check.h"
#include "base/file_descriptor.h"

namespace wasabi::serve {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = ".log";
constexpr std::string_view kOlderEnding = ".log.1";

FileDescriptor openToRead(const std::string& path) {
  return FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
}

std::string contentOf(const FileDescriptor& file, std::size_t most) {
  struct stat status{};
  if (!file.valid() || ::fstat(file.get(), &status) != 0 || status.st_size <= 0) return {};
  std::string content(std::min(static_cast<std::size_t>(status.st_size), most), '\0');
  const ssize_t got = ::pread(file.get(), content.data(), content.size(), 0);
  content.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return content;
}

// "" for what is no file of ours.
std::string functionOf(std::string_view file) {
  for (const std::string_view ending : {kOlderEnding, kEnding}) {
    if (file.ends_with(ending)) return std::string(file.substr(0, file.size() - ending.size()));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<FunctionLogFiles>> FunctionLogFiles::open(std::string directory, Limits limits, Exists exists,
                                                                 Logger& log) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(Error::fromErrno("make " + directory, errno));
  }
  return std::unique_ptr<FunctionLogFiles>(new FunctionLogFiles(std::move(directory), limits, std::move(exists), log));
}

FunctionLogFiles::FunctionLogFiles(std::string directory, Limits limits, Exists exists, Logger& log)
    : directory_(std::move(directory)), limits_(limits), exists_(std::move(exists)), log_(log), thread_([this] {
        ::pthread_setname_np(::pthread_self(), "function-logs");
        run();
      }) {}

FunctionLogFiles::~FunctionLogFiles() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void FunctionLogFiles::append(const FunctionName& function, std::string_view line) {
  const std::scoped_lock lock(mutex_);
  if (queued_bytes_ + line.size() > limits_.queued_bytes) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  queued_bytes_ += line.size() + sizeof(queue_.front());
  std::string text;
  text.reserve(line.size() + 1);
  text.append(line).push_back('\n');
  queue_.emplace_back(function, std::move(text));
  changed_.notify_one();
}

void FunctionLogFiles::functionsChanged() {
  const std::scoped_lock lock(mutex_);
  sweeps_ = true;
  changed_.notify_one();
}

// What is asked for while it writes is done together in the next round.
void FunctionLogFiles::run() {
  TimePoint next_sweep{};
  while (true) {
    std::map<FunctionName, std::string> batch;
    bool sweeps = false;
    {
      std::unique_lock lock(mutex_);
      const auto is_due = [&] { return sweeps_ && Clock::now() >= next_sweep; };
      const auto has_work = [&] { return stopping_ || !queue_.empty() || is_due(); };
      while (!has_work()) {
        if (sweeps_) {
          changed_.wait_until(lock, next_sweep);
        } else {
          changed_.wait(lock);
        }
      }
      if (stopping_ && queue_.empty()) return;
      sweeps = is_due();
      if (sweeps) sweeps_ = false;
      for (auto& [function, line] : queue_) batch[function] += line;
      queue_.clear();
      queued_bytes_ = 0;
    }
    for (const auto& [function, lines] : batch) {
      if (exists_(function)) write(function, lines);
    }
    if (!sweeps) continue;
    sweep();
    next_sweep = Clock::now() + limits_.between_sweeps;
  }
}

void FunctionLogFiles::write(const FunctionName& function, std::string_view lines) {
  const std::string path = pathOf(function);
  while (!lines.empty()) {
    std::size_t size = std::min(lines.size(), limits_.file_bytes);
    if (size < lines.size()) {
      const std::size_t newline = lines.rfind('\n', size - 1);
      size = (newline == std::string_view::npos ? lines.find('\n') : newline) + 1;
    }
    const std::string_view piece = lines.substr(0, size);
    lines.remove_prefix(size);
    const std::error_code failure = writePiece(path, piece);
    told(failure);
    if (failure) dropped_.fetch_add(static_cast<std::uint64_t>(std::ranges::count(piece, '\n')));
  }
}

std::error_code FunctionLogFiles::writePiece(const std::string& path, std::string_view lines) {
  const auto failed = [] { return std::error_code(errno, std::generic_category()); };
  constexpr int kFlags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
  FileDescriptor file(::open(path.c_str(), kFlags, 0600));
  if (!file.valid() && errno == ENOENT) {
    ::mkdir(fs::path(path).parent_path().c_str(), 0700);
    file = FileDescriptor(::open(path.c_str(), kFlags, 0600));
  }
  struct stat status{};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) return failed();
  if (status.st_size > 0 && static_cast<std::size_t>(status.st_size) + lines.size() > limits_.file_bytes) {
    const std::scoped_lock lock(naming_);
    if (::rename(path.c_str(), (path + ".1").c_str()) != 0) return failed();
    file = FileDescriptor(::open(path.c_str(), kFlags, 0600));
    if (!file.valid()) return failed();
    status.st_size = 0;
  }
  // A crash may have left the beginning of a line.
  char last = '\n';
  if (status.st_size > 0 && ::pread(file.get(), &last, 1, status.st_size - 1) != 1) return failed();
  const std::string text = (last == '\n' ? "" : "\n") + std::string(lines);
  const ssize_t written = ::write(file.get(), text.data(), text.size());
  if (written == static_cast<ssize_t>(text.size())) return {};
  // Half of a line is none.
  const std::error_code failure = written < 0 ? failed() : std::make_error_code(std::errc::no_space_on_device);
  if (written > 0 && ::ftruncate(file.get(), status.st_size) != 0) return failed();
  return failure;
}

void FunctionLogFiles::told(std::error_code failure) {
  const bool works = !failure;
  if (works == works_) return;
  works_ = works;
  if (works) return log_.info("logs of functions are written again", {{"directory", directory_}});
  log_.error("logs of functions cannot be written, and are kept in memory alone",
             {{"directory", directory_}, {"reason", failure.message()}});
}

void FunctionLogFiles::sweep() const {
  std::error_code error;
  for (fs::directory_iterator tenant(directory_, error), end; !error && tenant != end; tenant.increment(error)) {
    const std::string name = tenant->path().filename().string();
    std::error_code ignored;
    for (fs::directory_iterator file(tenant->path(), ignored); !ignored && file != end; file.increment(ignored)) {
      const std::string function = functionOf(file->path().filename().string());
      std::error_code not_removed;
      if (!function.empty() && !exists_({name, function})) fs::remove(file->path(), not_removed);
    }
    ::rmdir(tenant->path().c_str());  // an empty one only
  }
}

std::array<std::string, 2> FunctionLogFiles::read(const FunctionName& function) const {
  const std::string path = pathOf(function);
  FileDescriptor newer;
  FileDescriptor older;
  {
    const std::scoped_lock lock(naming_);
    newer = openToRead(path);
    older = openToRead(path + ".1");
  }
  // One line alone may be longer than a file should be.
  const std::size_t most = 2 * limits_.file_bytes;
  return {contentOf(newer, most), contentOf(older, most)};
}

std::string FunctionLogFiles::pathOf(const FunctionName& function) const {
  WASABI_CHECK(isLabel(function.tenant) && isLabel(function.function));
  return directory_ + "/" + function.toString() + std::string(kEnding);
}

}  // namespace wasabi::serve
