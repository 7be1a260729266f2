#include "box/lease_watch.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

namespace wasabi::box {
namespace {

sigset_t leaseSignal() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGIO);
  return set;
}

}  // namespace

void LeaseWatch::blockSignal() {
  const sigset_t set = leaseSignal();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

LeaseWatch::LeaseWatch(UniqueFunction<void()> on_wanted)
    : on_wanted_(std::move(on_wanted)), thread_([this] {
        ::pthread_setname_np(::pthread_self(), "lease-watch");
        run();
      }) {}

LeaseWatch::~LeaseWatch() {
  stopping_ = true;
  ::pthread_kill(thread_.native_handle(), SIGIO);
  thread_.join();
}

void LeaseWatch::run() {
  const sigset_t set = leaseSignal();
  while (true) {
    int number = 0;
    ::sigwait(&set, &number);
    if (stopping_) return;
    on_wanted_();
  }
}

}  // namespace wasabi::box
