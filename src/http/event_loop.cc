#include "http/event_loop.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/check.h"
#include "http/timer_queue.h"

namespace wasabi::http {

namespace asio = boost::asio;

namespace {

// So many callbacks run in one runReady(), and none begins later than this, as far as callbacks look at the clock.
constexpr std::size_t kMaxCallbacksPerTurn = 128;
constexpr Duration kLatestCallback = std::chrono::microseconds(500);
// So many timers fire in one callback: thousands may be due at once, such as those of connections that came together.
constexpr std::size_t kMaxTimersAtOnce = 64;
using Work = std::vector<UniqueFunction<void()>>;

}  // namespace

struct EventLoop::Impl {
  using AlarmTimer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, asio::io_context::executor_type>;

  Impl() : context(1), guard(context.get_executor()), alarm(context.get_executor()) {}
  // Work that never ran may own sockets, which must go before the context.
  ~Impl() {
    deferred.clear();
    posted.clear();
  }

  void post(UniqueFunction<void()> work);
  void runPosted();
  std::size_t runDeferred();
  std::size_t poll();
  void setAlarm();
  void onAlarm();

  // Declared before the context: handlers that are destroyed with it may own timers.
  TimerQueue timers;
  Work deferred;
  Work running_deferred;
  std::mutex posted_mutex;
  Work posted;
  Work running_posted;

  asio::io_context context;
  asio::executor_work_guard<asio::io_context::executor_type> guard;
  std::optional<TimePoint> now;

  // The one timer the kernel knows. It is left armed when its reason is cancelled: waking up once in vain costs less
  // than telling the kernel of every change.
  AlarmTimer alarm;
  std::optional<TimePoint> alarm_at;
  bool firing = false;
};

struct Timer::Entry : TimerEntry {
  explicit Entry(EventLoop::Impl& its_loop) : loop(its_loop) {}
  EventLoop::Impl& loop;
};

void EventLoop::Impl::post(UniqueFunction<void()> work) {
  bool first;
  {
    const std::lock_guard lock(posted_mutex);
    first = posted.empty();
    posted.push_back(std::move(work));
  }
  if (first) asio::post(context, [this] { runPosted(); });
}

void EventLoop::Impl::runPosted() {
  {
    const std::lock_guard lock(posted_mutex);
    running_posted.swap(posted);
  }
  for (auto& work : running_posted) work();
  running_posted.clear();
}

// What deferred work defers in turn waits for the next pass, so that the network gets its say between them.
std::size_t EventLoop::Impl::runDeferred() {
  if (deferred.empty()) return 0;
  running_deferred.swap(deferred);
  for (auto& work : running_deferred) work();
  const std::size_t ran = running_deferred.size();
  running_deferred.clear();
  return ran;
}

std::size_t EventLoop::Impl::poll() {
  const TimePoint latest = Clock::now() + kLatestCallback;
  std::size_t ran = 0;
  while (ran < kMaxCallbacksPerTurn && (!now || *now <= latest)) {
    now.reset();
    if (context.poll_one() == 0) break;
    ++ran;
  }
  return ran;
}

void EventLoop::Impl::setAlarm() {
  if (firing || timers.empty()) return;
  const TimePoint earliest = timers.earliest();
  if (alarm_at && *alarm_at <= earliest) return;
  alarm_at = earliest;
  alarm.expires_at(earliest);
  alarm.async_wait([this](const boost::system::error_code& error) {
    if (!error) onAlarm();
  });
}

void EventLoop::Impl::onAlarm() {
  alarm_at.reset();
  if (!now) now = Clock::now();
  const TimePoint due = *now;
  firing = true;
  // No more than are queued now: one that arms itself again for at once waits for the next time.
  std::size_t left = std::min(timers.size(), kMaxTimersAtOnce);
  for (; left > 0 && !timers.empty() && timers.earliest() <= due; --left) {
    // The callback may arm its timer again or destroy it.
    UniqueFunction<void()> on_expiry = std::move(timers.pop().on_expiry);
    on_expiry();
  }
  firing = false;
  setAlarm();
}

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {}
EventLoop::~EventLoop() = default;

void EventLoop::post(UniqueFunction<void()> work) {
  impl_->post(std::move(work));
}

void EventLoop::defer(UniqueFunction<void()> work) {
  impl_->deferred.push_back(std::move(work));
}

TimePoint EventLoop::now() const {
  if (!impl_->now) impl_->now = Clock::now();
  return *impl_->now;
}

std::size_t EventLoop::runReady() {
  impl_->now.reset();
  std::size_t ran = impl_->runDeferred();
  ran += impl_->poll();
  return ran + impl_->runDeferred();
}

std::size_t EventLoop::waitAndRun() {
  impl_->now.reset();
  std::size_t ran = impl_->runDeferred();
  // Work that defers itself again and again must not keep the loop from the network.
  ran += ran > 0 ? impl_->poll() : impl_->context.run_one();
  return ran + impl_->runDeferred();
}

boost::asio::io_context& EventLoop::context() {
  return impl_->context;
}

Timer::Timer(EventLoop& loop) : entry_(std::make_unique<Entry>(*loop.impl_)) {}

Timer::~Timer() {
  cancel();
}

void Timer::arm(TimePoint deadline, UniqueFunction<void()> on_expiry) {
  entry_->on_expiry = std::move(on_expiry);
  entry_->loop.timers.set(*entry_, deadline);
  entry_->loop.setAlarm();
}

void Timer::cancel() {
  entry_->loop.timers.remove(*entry_);
  entry_->on_expiry = {};
}

bool Timer::armed() const {
  return entry_->place != TimerEntry::kNotQueued;
}

}  // namespace wasabi::http
