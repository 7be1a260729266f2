#include "catalog/builder_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "catalog/build_queue.h"
#include "catalog/builder_protocol.h"
#include "catalog/child_process.h"
#include "catalog/compile_job.h"
#include "catalog/signing_key_file.h"

namespace wasabi::catalog {
namespace {

// A long run of builds must not outgrow the store before its end.
constexpr std::size_t kBuildsPerCollection = 256;

// What a builder needs before it can serve.
struct Workshop {
  SigningKey key;
  std::string fingerprint;
  StoreWriter store;
};

Result<Workshop> openWorkshop(const BuilderConfig& config) {
  auto fingerprint = askFingerprint(config.compiler);
  if (!fingerprint) return fail(std::move(fingerprint).error());
  auto store = StoreWriter::open(config.store_directory, *fingerprint);
  if (!store) return fail(std::move(store).error());
  auto key = loadOrCreateSigningKey(config.key_file);
  if (!key) return fail(std::move(key).error());
  store->collect(config.store_limit);
  return Workshop{std::move(*key), std::move(*fingerprint), std::move(*store)};
}

class Builder {
 public:
  Builder(const BuilderConfig& config, const Workshop& workshop, FileDescriptor channel)
      : config_(config), workshop_(workshop), channel_(std::move(channel)), queue_(config.max_queued) {}
  ~Builder() {
    for (const Job& job : jobs_) kill(job.process, SIGKILL);
  }
  Builder(const Builder&) = delete;
  Builder& operator=(const Builder&) = delete;

  void run() {
    bool open = true;
    while (open) {
      startJobs();
      if (jobs_.empty()) collect();
      open = waitAndServe();
    }
  }

 private:
  struct Job {
    pid_t process;
    FileDescriptor result;  // readable when it has ended
    BuildRequest request;
  };

  bool waitAndServe() {
    std::vector<pollfd> fds = {{channel_.get(), POLLIN, 0}};
    for (const Job& job : jobs_) fds.push_back({job.result.get(), POLLIN, 0});
    if (poll(fds.data(), fds.size(), -1) < 0) return errno == EINTR;
    for (std::size_t i = jobs_.size(); i > 0; --i) {
      if (fds[i].revents != 0) finishJob(i - 1);
    }
    return fds[0].revents == 0 || takeRequest();
  }

  bool takeRequest() {
    auto packet = receivePacket(channel_.get());
    if (!packet || packet->empty()) return false;
    auto message = decodeToBuilder(*packet);
    if (!message) return false;
    if (const auto* promotion = std::get_if<Promotion>(&*message)) {
      queue_.promote(promotion->id);
      return true;
    }
    auto& request = std::get<BuildRequest>(*message);
    if (queue_.isFull()) {
      reply(request.id, fail(ErrorCode::kUnavailable, fmt::format("{} builds are waiting already", queue_.size())));
    } else {
      queue_.push(std::move(request));
    }
    return true;
  }

  void startJobs() {
    while (jobs_.size() < config_.max_parallel) {
      const bool last_slot = config_.max_parallel > 1 && jobs_.size() + 1 == config_.max_parallel;
      auto request = queue_.pop(!last_slot);
      if (!request) return;
      startJob(std::move(*request));
    }
  }

  void startJob(BuildRequest request) {
    std::array<int, 2> pipe_fds{};
    if (pipe2(pipe_fds.data(), O_CLOEXEC) != 0) return reply(request.id, fail(Error::fromErrno("pipe", errno)));
    FileDescriptor result(pipe_fds[0]);
    FileDescriptor result_end(pipe_fds[1]);
    const pid_t self = getpid();
    const pid_t process = ::fork();
    if (process < 0) return reply(request.id, fail(Error::fromErrno("fork", errno)));
    if (process == 0) {
      dieWith(self);
      // Else the box would not see the builder's end before this one's.
      channel_.reset();
      const std::string packet =
          encode(compileModule({config_, workshop_.store, workshop_.key}, request.module_file, request.digest));
      const bool told = write(result_end.get(), packet.data(), packet.size()) == static_cast<ssize_t>(packet.size());
      _exit(told ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    jobs_.push_back({process, std::move(result), std::move(request)});
  }

  void finishJob(std::size_t index) {
    Job job = std::move(jobs_[index]);
    jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(index));
    std::string packet(kMaxPacketBytes, '\0');
    const ssize_t got = read(job.result.get(), packet.data(), packet.size());
    packet.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    int status = 0;
    while (waitpid(job.process, &status, 0) < 0 && errno == EINTR) {
    }
    if (auto result = decodeResult(packet)) return reply(job.request.id, std::move(*result));
    const std::string how = WIFSIGNALED(status)
                                ? fmt::format("signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)))
                                : fmt::format("exit code {}", WEXITSTATUS(status));
    reply(job.request.id, fail(ErrorCode::kInternal, fmt::format("module {}: the process of the build ended with {}",
                                                                 job.request.module_file, how)));
  }

  void reply(std::uint64_t id, Result<void> result) {
    ++builds_since_collection_;
    if (builds_since_collection_ >= kBuildsPerCollection) collect();
    // If the box is gone, the next wait will say so.
    [[maybe_unused]] const auto sent = sendPacket(channel_.get(), encode(BuildReply{id, std::move(result)}));
  }

  void collect() {
    if (std::exchange(builds_since_collection_, 0) > 0) workshop_.store.collect(config_.store_limit);
  }

  const BuilderConfig& config_;
  const Workshop& workshop_;
  FileDescriptor channel_;
  BuildQueue queue_;
  std::vector<Job> jobs_;
  std::size_t builds_since_collection_ = 0;
};

}  // namespace

int runBuilder(const BuilderConfig& config, FileDescriptor channel) {
  // The key must not be read out of this process by others of the same user, nor by what it starts.
  prctl(PR_SET_DUMPABLE, 0);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  std::signal(SIGPIPE, SIG_IGN);
  auto workshop = openWorkshop(config);
  Result<BuilderHello> hello = fail(ErrorCode::kInternal, "");
  if (workshop) {
    hello = BuilderHello{workshop->key.verifyKey(), workshop->fingerprint};
  } else {
    hello = fail(std::move(workshop).error());
  }
  if (!sendPacket(channel.get(), encode(hello)) || !hello) return EXIT_FAILURE;
  Builder(config, *workshop, std::move(channel)).run();
  return EXIT_SUCCESS;
}

}  // namespace wasabi::catalog
