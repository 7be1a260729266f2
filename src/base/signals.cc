#include "base/signals.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

namespace wasabi {

Signals::Signals(Reload reload) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGINT);
  if (reload == Reload::kTaken) ::sigaddset(&set, SIGHUP);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  signals_ = FileDescriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

Signals::Wanted Signals::wait() const {
  std::array<pollfd, 3> fds = {pollfd{signals_.get(), POLLIN, 0}, pollfd{end_asked_.fd(), POLLIN, 0},
                               pollfd{reload_asked_.fd(), POLLIN, 0}};
  while (::poll(fds.data(), fds.size(), -1) < 0 && errno == EINTR) {
  }
  const auto is_ready = [](const pollfd& fd) { return (fd.revents & POLLIN) != 0; };
  if (is_ready(fds[1])) return Wanted::kEnd;
  if (is_ready(fds[2])) {
    reload_asked_.clear();
    return Wanted::kReload;
  }
  return takeSignal() == SIGHUP ? Wanted::kReload : Wanted::kEnd;
}

bool Signals::waitFor(Duration time) const {
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

// 0 for none.
int Signals::takeSignal() const {
  signalfd_siginfo info{};
  return ::read(signals_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

}  // namespace wasabi
