#include "box/lockdown.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <iterator>
#include <memory>

#include "base/file_descriptor.h"

namespace wasabi::box {
namespace {

// ---- Landlock (https://docs.kernel.org/userspace-api/landlock.html) -------------------------------------------------

// Newer than the headers of Debian 12; older kernels are asked only for what they know.
constexpr std::uint64_t kFsTruncate = 1ull << 14;   // ABI 3
constexpr std::uint64_t kFsIoctlDev = 1ull << 15;   // ABI 5
constexpr std::uint64_t kNetBindTcp = 1ull << 0;    // ABI 4
constexpr std::uint64_t kScopeAbstractUnix = 1ull;  // ABI 6
constexpr std::uint64_t kScopeSignal = 1ull << 1;   // ABI 6

struct Ruleset {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;
  std::uint64_t scoped;
};

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
// Renaming within a directory takes the rights to make and to remove.
constexpr std::uint64_t kChange =
    kRead | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE;

Ruleset rulesetFor(int abi) {
  Ruleset rules{};
  rules.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;  // everything of ABI 1
  if (abi >= 2) rules.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) rules.handled_access_fs |= kFsTruncate;
  if (abi >= 4) rules.handled_access_net = kNetBindTcp;
  if (abi >= 5) rules.handled_access_fs |= kFsIoctlDev;
  if (abi >= 6) rules.scoped = kScopeAbstractUnix | kScopeSignal;
  return rules;
}

// The kernel takes the part of the structure that its ABI has.
std::size_t rulesetSizeFor(int abi) {
  if (abi >= 6) return sizeof(Ruleset);
  return abi >= 4 ? offsetof(Ruleset, scoped) : offsetof(Ruleset, handled_access_net);
}

Result<void> allow(int ruleset, const std::string& path, std::uint64_t in_a_directory) {
  const FileDescriptor file(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!file.valid()) return {};
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return fail(Error::fromErrno("Landlock: stat " + path, errno));
  landlock_path_beneath_attr rule{};
  rule.allowed_access = S_ISDIR(status.st_mode) ? in_a_directory : std::uint64_t{LANDLOCK_ACCESS_FS_READ_FILE};
  rule.parent_fd = file.get();
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    return fail(Error::fromErrno("Landlock: " + path, errno));
  }
  return {};
}

// The ABI in force, or 0 where the kernel has no Landlock.
Result<int> applyLandlock(const FileAccess& access) {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) return 0;
  const Ruleset rules = rulesetFor(static_cast<int>(abi));
  const FileDescriptor ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rules, rulesetSizeFor(static_cast<int>(abi)), 0)));
  if (!ruleset.valid()) return fail(Error::fromErrno("Landlock: cannot make a ruleset", errno));
  for (const std::string& path : access.readable) {
    if (auto allowed = allow(ruleset.get(), path, kRead); !allowed) return fail(std::move(allowed.error()));
  }
  for (const std::string& path : access.changeable) {
    if (auto allowed = allow(ruleset.get(), path, kChange); !allowed) return fail(std::move(allowed.error()));
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return fail(Error::fromErrno("Landlock: cannot apply the ruleset", errno));
  }
  return static_cast<int>(abi);
}

// ---- capabilities ---------------------------------------------------------------------------------------------------

Result<void> dropCapabilities() {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    // Fails without CAP_SETPCAP, that is in a container that has none to drop.
    (void)::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0) {
    return fail(Error::fromErrno("cannot give up capabilities", errno));
  }
  return {};
}

// ---- seccomp --------------------------------------------------------------------------------------------------------

// What a running box needs, by who needs it.
constexpr int kAllowed[] = {
    // memory: guests' memories grow by mprotect, code is mapped and made executable, pools are reset by madvise
    SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mprotect), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk),
    SCMP_SYS(process_madvise), SCMP_SYS(membarrier), SCMP_SYS(mlock), SCMP_SYS(munlock),
    // threads and their ends; clone is limited to threads below
    SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(exit), SCMP_SYS(exit_group),
    SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(set_tid_address),
    SCMP_SYS(wait4), SCMP_SYS(waitid), SCMP_SYS(restart_syscall), SCMP_SYS(getrandom), SCMP_SYS(getcpu),
    // signals: traps of guests
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
    SCMP_SYS(rt_sigtimedwait), SCMP_SYS(tgkill),
    // time
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday), SCMP_SYS(time),
    // event loops
    SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2),
    SCMP_SYS(eventfd2), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_gettime), SCMP_SYS(poll),
    SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(pipe2),
    // sockets that were accepted; for those of outbound calls see NewSockets
    SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg), SCMP_SYS(sendto),
    SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg), SCMP_SYS(shutdown), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
    SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(ioctl),
    // files, confined by Landlock: the store, the catalog, guests' own directories, and the logs that are open
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(write), SCMP_SYS(writev),
    SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(close),
    SCMP_SYS(close_range), SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(newfstatat),
    SCMP_SYS(statx), SCMP_SYS(fstatfs), SCMP_SYS(statfs), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
    SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(fcntl), SCMP_SYS(dup), SCMP_SYS(dup2),
    SCMP_SYS(dup3), SCMP_SYS(fadvise64), SCMP_SYS(getcwd), SCMP_SYS(inotify_init1), SCMP_SYS(inotify_add_watch),
    SCMP_SYS(inotify_rm_watch),
    // replacing the file of histories
    SCMP_SYS(fsync), SCMP_SYS(renameat), SCMP_SYS(unlinkat),
    // asking about oneself
    SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
    SCMP_SYS(getrusage), SCMP_SYS(times)};

// What only an attacker calls in this process.
constexpr int kFatal[] = {SCMP_SYS(execve),
                          SCMP_SYS(execveat),
                          SCMP_SYS(ptrace),
                          SCMP_SYS(process_vm_readv),
                          SCMP_SYS(process_vm_writev),
                          SCMP_SYS(mount),
                          SCMP_SYS(umount2),
                          SCMP_SYS(pivot_root),
                          SCMP_SYS(chroot),
                          SCMP_SYS(setns),
                          SCMP_SYS(unshare),
                          SCMP_SYS(bpf),
                          SCMP_SYS(perf_event_open),
                          SCMP_SYS(init_module),
                          SCMP_SYS(finit_module),
                          SCMP_SYS(kexec_load),
                          SCMP_SYS(kexec_file_load),
                          SCMP_SYS(reboot),
                          SCMP_SYS(setuid),
                          SCMP_SYS(setgid),
                          SCMP_SYS(capset),
                          SCMP_SYS(userfaultfd),
                          SCMP_SYS(io_uring_setup),
                          SCMP_SYS(keyctl),
                          SCMP_SYS(add_key),
                          SCMP_SYS(request_key)};

// Address families of NewSockets::kOutbound: what outbound calls use, and netlink, by which the resolver lists this
// host's addresses. No unix sockets: behind them are other superpods, the gateway, and daemons of the machine that
// believe whoever reaches them.
constexpr int kFamilies[] = {AF_INET, AF_INET6, AF_NETLINK};

constexpr std::uint64_t kCloneThread = 0x00010000;  // CLONE_THREAD

// Where the argument of that number is `value`.
scmp_arg_cmp isArgument(unsigned number, scmp_datum_t value) {
  return {number, SCMP_CMP_EQ, value, 0};
}

// libseccomp returns -errno.
struct Filter {
  struct Release {
    void operator()(scmp_filter_ctx released) const { ::seccomp_release(released); }
  };
  std::unique_ptr<void, Release> context{::seccomp_init(SCMP_ACT_ERRNO(EPERM))};
  int error = 0;

  template <typename... Conditions>
  void add(std::uint32_t action, int call, Conditions... conditions) {
    const int result = ::seccomp_rule_add(context.get(), action, call, sizeof...(conditions), conditions...);
    // A call that this architecture does not have needs no rule.
    if (result != 0 && result != -EDOM && error == 0) error = -result;
  }
};

}  // namespace

Result<WallReport> confineProcess(const FileAccess& access) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail(Error::fromErrno("no_new_privs", errno));
  auto landlock = applyLandlock(access);
  if (!landlock) return fail(std::move(landlock.error()));
  if (auto dropped = dropCapabilities(); !dropped) return fail(std::move(dropped.error()));
  return WallReport{*landlock > 0, *landlock};
}

Result<void> confineSystemCalls(NewSockets sockets) {
  Filter filter;
  if (!filter.context) return fail(ErrorCode::kInternal, "seccomp: cannot make a filter");
  ::seccomp_attr_set(filter.context.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  for (const int call : kAllowed) filter.add(SCMP_ACT_ALLOW, call);
  for (const int call : kFatal) filter.add(SCMP_ACT_KILL_PROCESS, call);
  if (sockets == NewSockets::kOutbound) {
    for (const int family : kFamilies) {
      filter.add(SCMP_ACT_ALLOW, SCMP_SYS(socket), isArgument(0, static_cast<scmp_datum_t>(family)));
    }
    filter.add(SCMP_ACT_ALLOW, SCMP_SYS(connect));
    filter.add(SCMP_ACT_ALLOW, SCMP_SYS(bind));
  }
  filter.add(SCMP_ACT_ALLOW, SCMP_SYS(clone), scmp_arg_cmp{0, SCMP_CMP_MASKED_EQ, kCloneThread, kCloneThread});
  // Its flags are behind a pointer; told that it does not exist, the C library falls back to clone.
  filter.add(SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3));
  // Reading limits, not setting them.
  filter.add(SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), isArgument(2, 0));
  filter.add(SCMP_ACT_ALLOW, SCMP_SYS(prctl), isArgument(0, PR_SET_NAME));
  filter.add(SCMP_ACT_ALLOW, SCMP_SYS(prctl), isArgument(0, PR_SET_VMA));
  if (filter.error == 0) filter.error = -::seccomp_load(filter.context.get());
  if (filter.error != 0) return fail(Error::fromErrno("seccomp: cannot apply the filter", filter.error));
  return {};
}

std::vector<std::string> systemFilesOfABox() {
  return {"/etc/resolv.conf", "/etc/hosts",    "/etc/nsswitch.conf", "/etc/host.conf",
          "/etc/gai.conf",    "/etc/services", "/proc/self"};
}

}  // namespace wasabi::box
