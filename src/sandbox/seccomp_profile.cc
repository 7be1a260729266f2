#include "sandbox/seccomp_profile.h"

#include <sched.h>

#include <cerrno>
#include <cstdint>

namespace wasabi::sandbox {
namespace {

// The runtime leaves out those that this processor or libseccomp does not know.
constexpr const char* kAllowed[] = {
    // memory
    "mmap", "munmap", "mprotect", "mremap", "madvise", "brk", "process_madvise", "membarrier", "mlock", "munlock",
    "mincore", "pkey_alloc", "pkey_free", "pkey_mprotect", "get_mempolicy",
    // threads, processes and signals
    "futex", "set_robust_list", "get_robust_list", "rseq", "exit", "exit_group", "sched_yield", "sched_getaffinity",
    "sched_setattr", "getpriority", "gettid", "getpid", "getppid", "getpgrp", "getpgid", "getsid", "setpgid",
    "set_tid_address", "fork", "vfork", "wait4", "waitid", "restart_syscall", "execve", "execveat", "arch_prctl",
    "kill", "tkill", "tgkill", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
    "rt_sigpending", "sigaltstack", "signalfd4", "pidfd_open", "pidfd_send_signal", "prctl", "prlimit64", "getrlimit",
    "setrlimit", "getrandom", "getcpu", "getrusage", "times", "uname", "sysinfo", "umask",
    // its own walls
    "seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "capget", "capset",
    // users, to look at
    "getuid", "geteuid", "getgid", "getegid", "getgroups", "getresuid", "getresgid",
    // clocks and waiting
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "epoll_create1",
    "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2", "timerfd_create", "timerfd_settime",
    "timerfd_gettime", "poll", "ppoll", "select", "pselect6", "pipe", "pipe2", "inotify_init1", "inotify_add_watch",
    "inotify_rm_watch", "alarm", "setitimer", "getitimer",
    // sockets
    "socket", "socketpair", "bind", "listen", "accept", "accept4", "connect", "recvfrom", "recvmsg", "recvmmsg",
    "sendto", "sendmsg", "sendmmsg", "shutdown", "getsockname", "getpeername", "getsockopt", "setsockopt",
    // files
    "ioctl", "read", "readv", "pread64", "preadv", "write", "writev", "pwrite64", "pwritev", "open", "openat",
    "openat2", "close", "close_range", "lseek", "fstat", "stat", "lstat", "newfstatat", "statx", "fstatfs", "statfs",
    "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents64", "fcntl", "dup", "dup2", "dup3",
    "fadvise64", "getcwd", "chdir", "fchdir", "fsync", "fdatasync", "ftruncate", "fallocate", "flock", "rename",
    "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "chmod", "fchmod", "fchmodat",
    "memfd_create", "sendfile", "copy_file_range"};

constexpr std::uint64_t kNewNamespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

constexpr const char* kDenied[] = {"acct",
                                   "add_key",
                                   "bpf",
                                   "clock_adjtime",
                                   "clock_settime",
                                   "create_module",
                                   "delete_module",
                                   "finit_module",
                                   "fsconfig",
                                   "fsmount",
                                   "fsopen",
                                   "fspick",
                                   "get_kernel_syms",
                                   "init_module",
                                   "io_uring_enter",
                                   "io_uring_register",
                                   "io_uring_setup",
                                   "ioperm",
                                   "iopl",
                                   "kcmp",
                                   "kexec_file_load",
                                   "kexec_load",
                                   "keyctl",
                                   "lookup_dcookie",
                                   "mbind",
                                   "migrate_pages",
                                   "mount",
                                   "mount_setattr",
                                   "move_mount",
                                   "move_pages",
                                   "name_to_handle_at",
                                   "nfsservctl",
                                   "open_by_handle_at",
                                   "open_tree",
                                   "perf_event_open",
                                   "personality",
                                   "pivot_root",
                                   "process_vm_readv",
                                   "process_vm_writev",
                                   "ptrace",
                                   "query_module",
                                   "quotactl",
                                   "quotactl_fd",
                                   "reboot",
                                   "request_key",
                                   "set_mempolicy",
                                   "setns",
                                   "settimeofday",
                                   "stime",
                                   "swapoff",
                                   "swapon",
                                   "sysfs",
                                   "syslog",
                                   "umount",
                                   "umount2",
                                   "unshare",
                                   "uselib",
                                   "userfaultfd",
                                   "ustat",
                                   "vhangup",
                                   "vm86",
                                   "vm86old"};

}  // namespace

nlohmann::json seccompProfileOfContainers() {
  using nlohmann::json;
  // The filter knows no "any of these bits": one rule for each.
  json denied = json::array({{{"names", kDenied}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", EPERM}}});
  for (const int kind :
       {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET}) {
    const auto flag = static_cast<std::uint64_t>(kind);
    const json has_it = {{"index", 0}, {"value", flag}, {"valueTwo", flag}, {"op", "SCMP_CMP_MASKED_EQ"}};
    denied.push_back({{"names", json::array({"clone"})},
                      {"action", "SCMP_ACT_ERRNO"},
                      {"errnoRet", EPERM},
                      {"args", json::array({has_it})}});
  }
  denied.push_back({{"names", json::array({"clone3"})}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", ENOSYS}});
  return {{"defaultAction", "SCMP_ACT_ALLOW"}, {"syscalls", std::move(denied)}};
}

nlohmann::json seccompProfile() {
  using nlohmann::json;
  const json own_namespaces = {{"index", 0}, {"value", kNewNamespaces}, {"valueTwo", 0}, {"op", "SCMP_CMP_MASKED_EQ"}};
  return {
      {"defaultAction", "SCMP_ACT_ERRNO"},
      {"syscalls",
       json::array(
           {{{"names", kAllowed}, {"action", "SCMP_ACT_ALLOW"}},
            {{"names", json::array({"clone"})}, {"action", "SCMP_ACT_ALLOW"}, {"args", json::array({own_namespaces})}},
            // A filter cannot see its flags; without it the C library calls clone.
            {{"names", json::array({"clone3"})}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", ENOSYS}}})}};
}

}  // namespace wasabi::sandbox
