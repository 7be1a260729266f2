// wasabi-box: the program inside a superpod.

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <memory>
#include <string>
#include <utility>

#include "base/container_limits.h"
#include "base/file_descriptor.h"
#include "base/log.h"
#include "base/wakeup.h"
#include "box/box.h"
#include "box/config_keys.h"
#include "options.h"

namespace {

using namespace wasabi;

// What ends the box: signals, which no handler takes anywhere, and the admin listener. This thread waits for both, and
// for the signal to read the configuration again, where there is a file.
class Signals {
 public:
  explicit Signals(bool has_config_file) {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGTERM);
    ::sigaddset(&set, SIGINT);
    if (has_config_file) ::sigaddset(&set, SIGHUP);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    signals_ = FileDescriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  bool valid() const { return signals_.valid() && asked_.valid(); }

  // From any thread: ends wait() as a signal does.
  void askToEnd() const { asked_.wake(); }

  enum class Wanted : std::uint8_t { kEnd, kReload };
  Wanted wait() const {
    std::array<pollfd, 2> fds = {pollfd{signals_.get(), POLLIN, 0}, pollfd{asked_.fd(), POLLIN, 0}};
    while (::poll(fds.data(), fds.size(), -1) < 0 && errno == EINTR) {
    }
    const bool asked = (fds[1].revents & POLLIN) != 0;
    return takeSignal() == SIGHUP && !asked ? Wanted::kReload : Wanted::kEnd;
  }
  // Whether a signal to end came within the time.
  bool waitFor(Duration time) const {
    const TimePoint deadline = Clock::now() + time;
    while (true) {
      const auto left = std::max(Duration::zero(), deadline - Clock::now());
      const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
      pollfd fd{signals_.get(), POLLIN, 0};
      const int ready = ::poll(&fd, 1, static_cast<int>(std::min<std::int64_t>(milliseconds, INT_MAX)));
      if (ready > 0 && takeSignal() != SIGHUP) return true;
      if (ready == 0) return false;
    }
  }

 private:
  // 0 for none.
  int takeSignal() const {
    signalfd_siginfo info{};
    return ::read(signals_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
  }

  FileDescriptor signals_;
  Wakeup asked_;
};

// Lets balancers notice, then lets requests finish; a second signal cuts both short.
void drain(box::Box& box, const box::BoxConfig& config, const Signals& signals) {
  constexpr Duration kPoll = std::chrono::milliseconds(20);
  box.announceDrain();
  if (config.drain_delay > Duration::zero() && signals.waitFor(config.drain_delay)) return;
  box.drain();
  const TimePoint deadline = Clock::now() + config.drain_timeout;
  while (!box.drained() && Clock::now() < deadline) {
    if (signals.waitFor(kPoll)) return;
  }
}

void logProblems(const BadConfigFile& bad, Logger& log) {
  for (const catalog::TextProblem& problem : bad.problems) {
    log.error("configuration problem", {{"file", bad.file}, {"line", problem.line}, {"reason", problem.reason}});
  }
}

// "box.toml:3: what is wrong there"
std::string firstProblem(const BadConfigFile& bad) {
  const catalog::TextProblem& first = bad.problems.front();
  return bad.file + ':' + (first.line > 0 ? std::to_string(first.line) + ':' : "") + ' ' + first.reason;
}

void logCapacity(const box::BoxConfig& config, const ContainerLimits& limits, Logger& log) {
  log.info("capacity", {{"memory", toString(config.capacity.memory)},
                        {"cpu", toString(Cores{config.capacity.cpu})},
                        {"mode", box::nameOf(config.booking.kind)},
                        {"default_limit", toString(config.function_defaults.memory)},
                        {"container_memory", toString(limits.memory)},
                        {"container_memory_from", toString(limits.memory_from)},
                        {"container_cpu", toString(limits.cpu)},
                        {"container_cpu_from", toString(limits.cpu_from)}});
  if (config.capacity.memory > limits.memory) {
    log.warn("the capacity is more memory than the container may use: the kernel ends the box where functions need it",
             {{"capacity", toString(config.capacity.memory)}, {"container", toString(limits.memory)}});
  }
  if (config.function_defaults.memory > config.capacity.memory) {
    log.warn(
        "the default limit of functions is more memory than the capacity: lower memory.default_limit",
        {{"default_limit", toString(config.function_defaults.memory)}, {"capacity", toString(config.capacity.memory)}});
  }
}

// Puts into force what can change while the box runs; `config` is what is in force.
void reload(int argc, char** argv, const ContainerLimits& limits, box::Box& box, box::BoxConfig& config, Logger& log) {
  auto options = parseOptions(argc, argv, limits);
  const auto* next = std::get_if<box::BoxConfig>(&options);
  if (next == nullptr) {
    const auto* bad = std::get_if<BadConfigFile>(&options);
    if (bad != nullptr) logProblems(*bad, log);
    log.error("configuration not reloaded, the one before stays in force",
              {{"reason", bad != nullptr ? firstProblem(*bad) : "it is not complete; see above"}});
    return;
  }
  const box::ConfigChanges changes = changesBetween(config, *next);
  for (const std::string& change : changes.live) log.info("configuration changed", {{"change", change}});
  for (const std::string& change : changes.need_restart) {
    log.warn("configuration change needs a restart", {{"change", change}});
  }
  static_cast<box::LiveConfig&>(config) = *next;
  box.reconfigure(*next);
  log.info("configuration reloaded", {{"changed", changes.live.size()}, {"need_restart", changes.need_restart.size()}});
  if (!changes.live.empty()) logCapacity(config, limits, log);
}

}  // namespace

int main(int argc, char** argv) {
  // Out of reach once the box is locked in.
  const ContainerLimits limits = readContainerLimits();
  auto options = parseOptions(argc, argv, limits);
  if (const auto* exit_code = std::get_if<ExitCode>(&options)) return exit_code->value;
  Logger log(Logger::standardError());
  if (const auto* bad = std::get_if<BadConfigFile>(&options)) {
    logProblems(*bad, log);
    log.error("cannot start", {{"reason", firstProblem(*bad)}});
    return 1;
  }
  box::BoxConfig config = std::get<box::BoxConfig>(std::move(options));

  const Signals signals(!config.config_file.empty());
  if (!signals.valid()) {
    log.error("cannot start", {{"reason", "no file descriptor is left to wait for signals"}});
    return 1;
  }
  auto box = box::Box::start(config, log, [&signals] { signals.askToEnd(); });
  if (!box) {
    log.error("cannot start", {{"reason", box.error().message()}});
    return 1;
  }
  logCapacity(config, limits, log);
  for (const std::string& address : (*box)->addresses()) log.info("listening", {{"address", address}});
  if (!(*box)->adminAddress().empty()) log.info("admin", {{"address", (*box)->adminAddress()}});
  while (signals.wait() == Signals::Wanted::kReload) reload(argc, argv, limits, **box, config, log);
  log.info("draining");
  drain(**box, config, signals);
  box->reset();
  log.info("stopped");
  return 0;
}
