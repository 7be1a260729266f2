#include "sandbox/spawn.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

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

// What is mounted, as texts that need no memory of the child's.
struct CopyMounts {
  std::string at;
  std::string tmpfs;
  std::string upper;
  std::string work;
  std::string root;
  std::string overlay;
  uid_t owner = 0;
};

Result<CopyMounts> mountsOf(const WritableCopy& copy) {
  if (copy.of.find_first_of(",:\\") != std::string::npos) {
    return fail(ErrorCode::kInvalid, copy.of + ": a path with ',', ':' or '\\' cannot be mounted");
  }
  CopyMounts mounts;
  mounts.at = copy.at;
  mounts.tmpfs = fmt::format("mode=755,size={}", copy.most.value);
  mounts.upper = copy.at + "/upper";
  mounts.work = copy.at + "/work";
  mounts.root = copy.at + "/root";
  mounts.overlay = fmt::format("lowerdir={},upperdir={},workdir={}", copy.of, mounts.upper, mounts.work);
  mounts.owner = copy.first_owner;
  return mounts;
}

// What the child has of its parent until it becomes the program.
struct Inherited {
  int output;
  int errors;
  int failure;         // where it says that it cannot
  int failure_reader;  // the parent's end
  bool apart;
  bool own_network;
  const CopyMounts* copy;  // or null
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

bool mountCopy(const CopyMounts& copy) {
  if (::mount("none", copy.at.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, copy.tmpfs.c_str()) != 0) return false;
  for (const std::string* folder : {&copy.upper, &copy.work, &copy.root}) {
    if (::mkdir(folder->c_str(), 0755) != 0 || ::chown(folder->c_str(), copy.owner, copy.owner) != 0) return false;
  }
  return ::mount("overlay", copy.root.c_str(), "overlay", MS_NOSUID | MS_NODEV, copy.overlay.c_str()) == 0;
}

bool openOwnNetwork() {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return false;
  ifreq loopback{};
  std::memcpy(loopback.ifr_name, "lo", sizeof "lo");
  if (::ioctl(socket, SIOCGIFFLAGS, &loopback) != 0) return false;
  loopback.ifr_flags = static_cast<short>(loopback.ifr_flags | IFF_UP);
  if (::ioctl(socket, SIOCSIFFLAGS, &loopback) != 0) return false;
  ::close(socket);
  const int ports = ::open("/proc/sys/net/ipv4/ip_unprivileged_port_start", O_WRONLY | O_CLOEXEC);
  const bool opened = ports >= 0 && ::write(ports, "0", 1) == 1;
  ::close(ports);
  return opened;
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
  if (inherited.copy != nullptr && !mountCopy(*inherited.copy)) give_up();
  if (inherited.own_network && !openOwnNetwork()) give_up();
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

pid_t makeChild(const Command& command) {
  if (!command.apart) return ::fork();
  const int network = command.own_network ? CLONE_NEWNET : 0;
  return static_cast<pid_t>(::syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | network | SIGCHLD, 0, 0, 0, 0));
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

  auto copy = command.copy ? mountsOf(*command.copy) : Result<CopyMounts>(CopyMounts{});
  if (!copy) return fail(std::move(copy.error()));

  std::vector<char*> arguments;
  for (const std::string& argument : command.words) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = makeChild(command);
  if (pid < 0) return fail(Error::fromErrno("fork", errno));
  if (pid == 0) {
    becomeProgram(arguments.data(),
                  {output->writer.get(), (command.two_streams ? errors : output)->writer.get(), failure->writer.get(),
                   failure->reader.get(), command.apart, command.own_network, command.copy ? &*copy : nullptr});
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
