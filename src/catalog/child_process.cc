#include "catalog/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace wasabi::catalog {
namespace {

constexpr std::size_t kMaxErrorBytes = 4096;
constexpr int kCannotExecute = 127;

void limitTo(__rlimit_resource resource, std::uint64_t soft, std::uint64_t hard) {
  const rlimit limit{soft, hard};
  // Fails only if the limit is lower already.
  setrlimit(resource, &limit);
}

[[noreturn]] void becomeProgram(const std::vector<char*>& arguments, int input, int output, int errors,
                                const ChildLimits& limits) {
  setpgid(0, 0);
  // Not over one another: first out of the way of the standard numbers.
  const int in = fcntl(input, F_DUPFD, 3);
  const int out = fcntl(output, F_DUPFD, 3);
  const int err = fcntl(errors, F_DUPFD, 3);
  if (in < 0 || out < 0 || err < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) _exit(kCannotExecute);
  closeFrom(3);
  const auto cpu = static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(limits.cpu).count());
  limitTo(RLIMIT_CPU, cpu, cpu + 1);
  limitTo(RLIMIT_FSIZE, limits.file_size.value, limits.file_size.value);
  limitTo(RLIMIT_CORE, 0, 0);
  // The answer may be -1 without being an error, and a failure only costs the others some speed.
  [[maybe_unused]] const int niceness = nice(limits.niceness);
  for (int signal : {SIGPIPE, SIGXCPU, SIGXFSZ, SIGTERM, SIGINT}) std::signal(signal, SIG_DFL);
  std::array<char, 32> path = {"PATH=/usr/bin:/bin"};
  std::array<char*, 2> environment = {path.data(), nullptr};
  execve(arguments[0], arguments.data(), environment.data());
  dprintf(2, "cannot execute %s: %s\n", arguments[0], strerror(errno));
  _exit(kCannotExecute);
}

// Keeps the beginning, and reads on so that the writer never waits. False at the end.
bool readErrors(int fd, std::string& errors) {
  std::array<char, 4096> piece;
  while (true) {
    const ssize_t got = read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return true;
    if (got == 0) return false;
    const std::size_t room = kMaxErrorBytes - errors.size();
    errors.append(piece.data(), std::min(room, static_cast<std::size_t>(got)));
  }
}

// Until the process has ended or its time is over.
void follow(int process_fd, int errors_fd, TimePoint deadline, ChildOutcome& outcome) {
  bool errors_open = true;
  while (true) {
    const Duration left = deadline - Clock::now();
    outcome.timed_out = left <= Duration::zero();
    if (outcome.timed_out) return;
    std::array<pollfd, 2> fds = {pollfd{process_fd, POLLIN, 0}, pollfd{errors_open ? errors_fd : -1, POLLIN, 0}};
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    poll(fds.data(), fds.size(), static_cast<int>(std::min<std::int64_t>(milliseconds, 60'000)));
    if (fds[1].revents != 0) errors_open = readErrors(errors_fd, outcome.errors);
    if (fds[0].revents != 0) break;
  }
  // What it said last; whoever still holds the pipe is not waited for.
  readErrors(errors_fd, outcome.errors);
}

}  // namespace

void dieWith(int parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(EXIT_FAILURE);
}

void closeFrom(int first) {
  close_range(static_cast<unsigned>(first), ~0u, 0);
}

Result<ChildOutcome> runChild(const std::vector<std::string>& arguments, int standard_input, int standard_output,
                              const ChildLimits& limits) {
  std::array<int, 2> pipe_fds{};
  if (pipe2(pipe_fds.data(), O_CLOEXEC | O_NONBLOCK) != 0) return fail(Error::fromErrno("pipe", errno));
  FileDescriptor errors(pipe_fds[0]);
  FileDescriptor errors_end(pipe_fds[1]);
  std::vector<std::string> texts = arguments;
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);

  const pid_t self = getpid();
  const pid_t child = fork();
  if (child < 0) return fail(Error::fromErrno("fork", errno));
  if (child == 0) {
    dieWith(self);
    becomeProgram(pointers, standard_input, standard_output, errors_end.get(), limits);
  }
  // In both processes, so that it has happened whoever comes first.
  setpgid(child, child);
  errors_end.reset();
  FileDescriptor process(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  const int pidfd_error = errno;
  ChildOutcome outcome;
  if (process.valid()) follow(process.get(), errors.get(), Clock::now() + limits.wall, outcome);
  kill(-child, SIGKILL);
  rusage usage{};
  while (wait4(child, &outcome.wait_status, 0, &usage) < 0 && errno == EINTR) {
  }
  if (!process.valid()) return fail(Error::fromErrno("pidfd_open", pidfd_error));
  const auto duration = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  outcome.cpu = duration(usage.ru_utime) + duration(usage.ru_stime);
  return outcome;
}

}  // namespace wasabi::catalog
