#include "sandbox/spawn.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace wasabi::sandbox {
namespace {

struct Pipe {
  FileDescriptor reader;
  FileDescriptor writer;
};

Result<Pipe> makePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(Error::fromErrno("pipe", errno));
  return Pipe{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

// Between fork and exec of a process with threads: system calls, and nothing that takes a lock or memory.
[[noreturn]] void becomeProgram(char* const* arguments, int output, int failure, pid_t parent) {
  const auto give_up = [failure] {
    const int code = errno;
    if (::write(failure, &code, sizeof code) < 0) ::_exit(126);
    ::_exit(127);
  };
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up();
  if (::getppid() != parent) ::_exit(127);  // it was gone before it could be told
  ::setpgid(0, 0);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up();
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing < 0 || ::dup2(nothing, 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(output, 2) < 0) give_up();
  // What is not closed by exec already: `failure` is.
  ::syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int ignored : {SIGPIPE, SIGCHLD}) ::signal(ignored, SIG_DFL);
  char* const no_environment[] = {nullptr};
  ::execve(arguments[0], arguments, no_environment);
  give_up();
  ::_exit(127);
}

// The error number of a child that could not become the program; 0 once it has.
int failureOf(int reader) {
  int code = 0;
  ssize_t got = 0;
  do {
    got = ::read(reader, &code, sizeof code);
  } while (got < 0 && errno == EINTR);
  return got == sizeof code ? code : 0;
}

}  // namespace

Result<Spawned> spawn(const std::vector<std::string>& command) {
  auto output = makePipe();
  if (!output) return fail(std::move(output.error()));
  auto failure = makePipe();
  if (!failure) return fail(std::move(failure.error()));
  if (::fcntl(output->reader.get(), F_SETFL, O_NONBLOCK) != 0) return fail(Error::fromErrno("pipe", errno));

  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fail(Error::fromErrno("fork", errno));
  if (pid == 0) becomeProgram(arguments.data(), output->writer.get(), failure->writer.get(), parent);

  failure->writer.reset();
  if (const int code = failureOf(failure->reader.get()); code != 0) {
    ::waitpid(pid, nullptr, 0);
    return fail(Error::fromErrno("start " + command[0], code));
  }
  // Nobody has waited for it, so the number is still its own.
  FileDescriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process.valid()) {
    const int code = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return fail(Error::fromErrno("pidfd_open", code));
  }
  return Spawned{pid, std::move(process), std::move(output->reader)};
}

}  // namespace wasabi::sandbox
