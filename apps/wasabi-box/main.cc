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
#include <utility>

#include "base/file_descriptor.h"
#include "base/log.h"
#include "base/wakeup.h"
#include "box/box.h"
#include "options.h"

namespace {

using namespace wasabi;

// What ends the box: signals, which no handler takes anywhere, and the admin listener. This thread waits for both.
class EndSignals {
 public:
  EndSignals() {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGTERM);
    ::sigaddset(&set, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    signals_ = FileDescriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  bool valid() const { return signals_.valid() && asked_.valid(); }

  // From any thread: ends wait() as a signal does.
  void ask() const { asked_.wake(); }

  void wait() const {
    std::array<pollfd, 2> fds = {pollfd{signals_.get(), POLLIN, 0}, pollfd{asked_.fd(), POLLIN, 0}};
    while (::poll(fds.data(), fds.size(), -1) < 0 && errno == EINTR) {
    }
    takeSignal();
  }
  // Whether a signal came within the time.
  bool waitFor(Duration time) const {
    pollfd fd{signals_.get(), POLLIN, 0};
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(time).count();
    return ::poll(&fd, 1, static_cast<int>(std::min<std::int64_t>(milliseconds, INT_MAX))) > 0 && takeSignal();
  }

 private:
  bool takeSignal() const {
    signalfd_siginfo info{};
    return ::read(signals_.get(), &info, sizeof info) == sizeof info;
  }

  FileDescriptor signals_;
  Wakeup asked_;
};

// Lets balancers notice, then lets requests finish; a second signal cuts both short.
void drain(box::Box& box, const box::BoxConfig& config, const EndSignals& signals) {
  constexpr Duration kPoll = std::chrono::milliseconds(20);
  box.announceDrain();
  if (config.drain_delay > Duration::zero() && signals.waitFor(config.drain_delay)) return;
  box.drain();
  const TimePoint deadline = Clock::now() + config.drain_timeout;
  while (!box.drained() && Clock::now() < deadline) {
    if (signals.waitFor(kPoll)) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  auto options = parseOptions(argc, argv);
  if (const auto* exit_code = std::get_if<ExitCode>(&options)) return exit_code->value;
  const box::BoxConfig config = std::get<box::BoxConfig>(std::move(options));

  const EndSignals signals;
  Logger log(Logger::standardError());
  if (!signals.valid()) {
    log.error("cannot start", {{"reason", "no file descriptor is left to wait for signals"}});
    return 1;
  }
  auto box = box::Box::start(config, log, [&signals] { signals.ask(); });
  if (!box) {
    log.error("cannot start", {{"reason", box.error().message()}});
    return 1;
  }
  for (const std::string& address : (*box)->addresses()) log.info("listening", {{"address", address}});
  if (!(*box)->adminAddress().empty()) log.info("admin", {{"address", (*box)->adminAddress()}});
  signals.wait();
  log.info("draining");
  drain(**box, config, signals);
  box->reset();
  log.info("stopped");
  return 0;
}
