#include "sandbox/spawn.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
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

// What the child has of its parent until it becomes the program.
struct Inherited {
  int output;
  int errors;
  int failure;         // where it says that it cannot
  int failure_reader;  // the parent's end
  bool apart;
};

bool isReadBySomebody(int writer) {
  pollfd end{writer, 0, 0};
  return ::poll(&end, 1, 0) == 0;
}

// Mounts made from now on are nobody else's, and /proc shows the processes of the new namespace. The second hierarchy
// of hybrid control groups is not used by anybody here, and crun refuses to run where it sees one.
bool ownMounts() {
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  ::umount2("/sys/fs/cgroup/unified", MNT_DETACH);
  return ::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0;
}

// Between fork and exec of a process with threads: system calls, and nothing that takes a lock or memory.
[[noreturn]] void becomeProgram(char* const* arguments, const Inherited& inherited) {
  const auto give_up = [&inherited] {
    const int code = errno;
    if (::write(inherited.failure, &code, sizeof code) < 0) ::_exit(126);
    ::_exit(127);
  };
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up();
  ::close(inherited.failure_reader);
  if (!isReadBySomebody(inherited.failure)) ::_exit(127);  // the parent was gone before that could be told
  if (inherited.apart && !ownMounts()) give_up();
  ::setpgid(0, 0);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up();
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing < 0 || ::dup2(nothing, 0) < 0 || ::dup2(inherited.output, 1) < 0 || ::dup2(inherited.errors, 2) < 0)
    give_up();
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

pid_t makeChild(bool apart) {
  if (!apart) return ::fork();
  return static_cast<pid_t>(::syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0));
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

Result<Spawned> spawn(const Command& command) {
  auto output = makePipe();
  if (!output) return fail(std::move(output.error()));
  auto failure = makePipe();
  if (!failure) return fail(std::move(failure.error()));
  auto errors = command.two_streams ? makePipe() : Result<Pipe>(Pipe{});
  if (!errors) return fail(std::move(errors.error()));
  for (const Pipe* pipe : {&*output, &*errors}) {
    if (!pipe->reader.valid()) continue;
    if (::fcntl(pipe->reader.get(), F_SETFL, O_NONBLOCK) != 0) return fail(Error::fromErrno("pipe", errno));
  }

  std::vector<char*> arguments;
  for (const std::string& argument : command.words) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = makeChild(command.apart);
  if (pid < 0) return fail(Error::fromErrno("fork", errno));
  if (pid == 0) {
    becomeProgram(arguments.data(), {output->writer.get(), (command.two_streams ? errors : output)->writer.get(),
                                     failure->writer.get(), failure->reader.get(), command.apart});
  }

  failure->writer.reset();
  if (const int code = failureOf(failure->reader.get()); code != 0) {
    ::waitpid(pid, nullptr, 0);
    return fail(Error::fromErrno("start " + command.words[0], code));
  }
  // Nobody has waited for it, so the number is still its own.
  FileDescriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process.valid()) {
    const int code = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return fail(Error::fromErrno("pidfd_open", code));
  }
  return Spawned{pid, std::move(process), std::move(output->reader), std::move(errors->reader)};
}

}  // namespace wasabi::sandbox
