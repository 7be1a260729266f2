// wasabi-box: the program inside a superpod.

#include <signal.h>

#include <chrono>
#include <memory>
#include <utility>

#include "base/log.h"
#include "box/box.h"
#include "options.h"

namespace {

using namespace wasabi;

// The signals that end the box are taken one at a time by this thread; no handler runs anywhere.
class EndSignals {
 public:
  EndSignals() {
    ::sigemptyset(&set_);
    ::sigaddset(&set_, SIGTERM);
    ::sigaddset(&set_, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
  }

  void wait() const {
    int number = 0;
    ::sigwait(&set_, &number);
  }
  // Whether one came within the time.
  bool waitFor(Duration time) const {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
    const timespec limit{seconds.count(), std::chrono::nanoseconds(time - seconds).count()};
    return ::sigtimedwait(&set_, nullptr, &limit) > 0;
  }

 private:
  sigset_t set_;
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
  auto box = box::Box::start(config, log);
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
