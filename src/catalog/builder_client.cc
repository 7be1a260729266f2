#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/wakeup.h"
#include "catalog/builder.h"
#include "catalog/builder_process.h"
#include "catalog/builder_protocol.h"
#include "catalog/child_process.h"
#include "catalog/digest.h"

namespace wasabi::catalog {
namespace {

using namespace std::chrono_literals;

constexpr auto kReadyTimeout = 30s;
constexpr auto kEndTimeout = 5s;

using Done = std::function<void(Result<void>)>;

[[noreturn]] void becomeBuilder(const BuilderConfig& config, int channel, pid_t parent) {
  dieWith(parent);
  // Signals of the terminal are for the box, which ends this process when it is done.
  setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) std::signal(signal, SIG_DFL);
  constexpr int kChannel = 3;
  if (channel != kChannel) dup2(channel, kChannel);
  closeFrom(kChannel + 1);
  // Standard input and output are the box's own; its errors are ours too.
  const int nothing = open("/dev/null", O_RDWR);
  if (nothing >= 0) {
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
    close(nothing);
  }
  fcntl(kChannel, F_SETFD, FD_CLOEXEC);
  _exit(runBuilder(config, FileDescriptor(kChannel)));
}

std::string describeEnd(int status) {
  if (WIFSIGNALED(status)) return fmt::format("signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return fmt::format("exit code {}", WEXITSTATUS(status));
}

// Waits for the end of a process that is about to end, and helps if it does not.
int reap(pid_t process) {
  int status = 0;
  const TimePoint deadline = Clock::now() + kEndTimeout;
  bool killed = false;
  while (true) {
    const pid_t ended = waitpid(process, &status, killed ? 0 : WNOHANG);
    if (ended == process || (ended < 0 && errno != EINTR)) return status;
    if (!killed && Clock::now() >= deadline) {
      // A box that is locked in may not signal: the builder then ends with the box's main thread.
      if (kill(process, SIGKILL) != 0) return status;
      killed = true;
    }
    if (!killed) std::this_thread::sleep_for(1ms);
  }
}

}  // namespace

struct BuilderClient::Impl {
  struct Build {
    std::uint64_t id;
    BuildPriority priority;
    std::vector<Done> waiting;
  };
  struct Failed {
    Done done;
    Error error;
  };

  ~Impl() {
    if (thread.joinable()) {
      {
        std::lock_guard lock(mutex);
        stopping = true;
      }
      wakeup.wake();
      thread.join();
    }
    channel.reset();
    if (process > 0) reap(process);
  }

  Result<void> awaitHello();
  void build(const std::string& module_file, const ModuleDigest& digest, Done done, BuildPriority priority);
  void run();
  bool waitAndServe();
  void sendOutbox();
  void takeReply(std::string_view packet);
  void failAll(const Error& error);
  void callFailed();

  FileDescriptor channel;
  Wakeup wakeup;
  pid_t process = -1;
  VerifyKey key;
  std::string fingerprint;
  std::size_t max_builds = 0;

  std::mutex mutex;
  bool stopping = false;
  std::optional<Error> ended;  // why nothing can be built any more
  std::uint64_t next_id = 1;
  std::unordered_map<ModuleDigest, Build, ModuleDigestHash> builds;
  std::unordered_map<std::uint64_t, ModuleDigest> digests;  // by id
  std::deque<ToBuilder> outbox;
  std::deque<Failed> failed;

  std::thread thread;
};

Result<void> BuilderClient::Impl::awaitHello() {
  pollfd readable{channel.get(), POLLIN, 0};
  const auto timeout = std::chrono::milliseconds(kReadyTimeout).count();
  if (poll(&readable, 1, static_cast<int>(timeout)) == 0)
    return fail(ErrorCode::kTimeout, "it was not ready after 30 s");
  auto packet = receivePacket(channel.get());
  if (!packet) return fail(std::move(packet).error());
  auto hello = decodeHello(*packet);
  if (!hello) {
    channel.reset();
    return fail(ErrorCode::kInternal, "it ended with " + describeEnd(reap(std::exchange(process, -1))));
  }
  if (!*hello) return fail(std::move(*hello).error());
  key = (*hello)->key;
  fingerprint = (*hello)->fingerprint;
  return {};
}

void BuilderClient::Impl::build(const std::string& module_file, const ModuleDigest& digest, Done done,
                                BuildPriority priority) {
  std::lock_guard lock(mutex);
  if (!thread.joinable()) thread = std::thread([this] { run(); });
  const auto refuse = [&](Error error) { failed.push_back({std::move(done), std::move(error)}); };
  if (const auto running = builds.find(digest); running != builds.end()) {
    Build& build = running->second;
    build.waiting.push_back(std::move(done));
    if (priority == BuildPriority::kBackground || build.priority == BuildPriority::kRequested) return;
    build.priority = BuildPriority::kRequested;
    outbox.push_back(Promotion{build.id});
  } else if (ended) {
    refuse(*ended);
  } else if (module_file.empty() || module_file.size() > kMaxModulePathBytes ||
             module_file.find('\0') != std::string::npos) {
    refuse(Error(ErrorCode::kInvalid, "the path of a module has 1 to 4096 bytes and no NUL"));
  } else if (builds.size() >= max_builds) {
    refuse(Error(ErrorCode::kUnavailable, fmt::format("{} modules are waiting to be built already", builds.size())));
  } else {
    const std::uint64_t id = next_id++;
    digests.emplace(id, digest);
    builds[digest] = {id, priority, {}};
    builds[digest].waiting.push_back(std::move(done));
    outbox.push_back(BuildRequest{id, priority, digest, module_file});
  }
  wakeup.wake();
}

void BuilderClient::Impl::run() {
  while (waitAndServe()) {
  }
  failAll(Error(ErrorCode::kUnavailable, "the box is stopping"));
  callFailed();
}

bool BuilderClient::Impl::waitAndServe() {
  callFailed();
  bool to_send = false;
  {
    std::lock_guard lock(mutex);
    if (stopping) return false;
    to_send = !outbox.empty();
  }
  const short channel_events = static_cast<short>(POLLIN | (to_send ? POLLOUT : 0));
  std::array<pollfd, 2> fds = {pollfd{channel.get(), channel_events, 0}, pollfd{wakeup.fd(), POLLIN, 0}};
  if (poll(fds.data(), fds.size(), -1) < 0) return true;
  if (fds[1].revents != 0) wakeup.clear();
  if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
    auto packet = receivePacket(channel.get());
    if (packet && !packet->empty()) {
      takeReply(*packet);
    } else {
      channel.reset();
      const std::string how = describeEnd(reap(std::exchange(process, -1)));
      failAll(Error(ErrorCode::kUnavailable,
                    "the builder's process has ended with " + how + "; restart the box to compile modules again"));
    }
  } else if ((fds[0].revents & POLLOUT) != 0) {
    sendOutbox();
  }
  return true;
}

void BuilderClient::Impl::sendOutbox() {
  std::string packet;
  {
    std::lock_guard lock(mutex);
    if (outbox.empty()) return;
    packet = encode(outbox.front());
    outbox.pop_front();
  }
  // The socket had room for one packet. If the builder is gone, the next wait says so.
  [[maybe_unused]] const auto sent = sendPacket(channel.get(), packet);
}

void BuilderClient::Impl::takeReply(std::string_view packet) {
  const auto reply = decodeReply(packet);
  WASABI_CHECK(reply.has_value());
  std::vector<Done> waiting;
  {
    std::lock_guard lock(mutex);
    const auto digest = digests.find(reply->id);
    if (digest == digests.end()) return;
    const auto build = builds.find(digest->second);
    waiting = std::move(build->second.waiting);
    builds.erase(build);
    digests.erase(digest);
  }
  for (const Done& done : waiting) done(reply->result);
}

void BuilderClient::Impl::failAll(const Error& error) {
  std::lock_guard lock(mutex);
  if (!ended) ended = error;
  for (auto& [digest, build] : builds) {
    for (Done& done : build.waiting) failed.push_back({std::move(done), *ended});
  }
  builds.clear();
  digests.clear();
  outbox.clear();
}

void BuilderClient::Impl::callFailed() {
  std::deque<Failed> taken;
  {
    std::lock_guard lock(mutex);
    taken.swap(failed);
  }
  for (Failed& one : taken) one.done(fail(std::move(one.error)));
}

Result<std::unique_ptr<BuilderClient>> BuilderClient::fork(const BuilderConfig& config) {
  if (config.max_parallel == 0 || config.max_queued == 0) {
    return fail(ErrorCode::kInvalid, "builder: it must be allowed to build at least one module at a time");
  }
  std::array<int, 2> sockets{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets.data()) != 0) {
    return fail(Error::fromErrno("builder: socketpair", errno));
  }
  auto impl = std::make_unique<Impl>();
  impl->channel = FileDescriptor(sockets[0]);
  FileDescriptor builder_end(sockets[1]);
  if (!impl->wakeup.valid()) return fail(Error::fromErrno("builder: eventfd", errno));
  const pid_t self = getpid();
  impl->process = ::fork();
  if (impl->process < 0) return fail(Error::fromErrno("builder: fork", errno));
  if (impl->process == 0) becomeBuilder(config, builder_end.get(), self);
  builder_end.reset();
  if (auto ready = impl->awaitHello(); !ready) return fail(std::move(ready).error().within("builder"));
  impl->max_builds = config.max_queued;
  return std::unique_ptr<BuilderClient>(new BuilderClient(std::move(impl)));
}

BuilderClient::BuilderClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BuilderClient::~BuilderClient() = default;

VerifyKey BuilderClient::verifyKey() const {
  return impl_->key;
}
std::string BuilderClient::engineFingerprint() const {
  return impl_->fingerprint;
}

void BuilderClient::build(const std::string& module_file, const ModuleDigest& digest,
                          std::function<void(Result<void>)> done, BuildPriority priority) {
  impl_->build(module_file, digest, std::move(done), priority);
}

}  // namespace wasabi::catalog
