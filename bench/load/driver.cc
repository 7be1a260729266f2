#include "load/driver.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include "load/process_cpu.h"

namespace wasabi::bench {
namespace {

constexpr int kEventsPerWait = 256;

timespec toTimespec(Duration duration) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(duration);
  return {.tv_sec = seconds.count(), .tv_nsec = std::chrono::nanoseconds(duration - seconds).count()};
}

}  // namespace

Driver::Driver(const Options& options, std::vector<Plan> plans) : options_(options) {
  for (Plan& plan : plans) flows_.push_back({std::move(plan), std::nullopt, {}});
}

Result<Report> Driver::run() {
  if (Result<void> opened = open(); !opened) return fail(std::move(opened).error());
  const TimePoint begin = Clock::now();
  window_start_ = begin + options_.warmup;
  window_end_ = window_start_ + options_.duration;
  makeSchedules(begin);
  for (TimePoint now = begin; !complete(now); now = Clock::now()) {
    if (!measuring_ && now >= window_start_) {
      if (Result<void> begun = beginMeasuring(now); !begun) return fail(std::move(begun).error());
    }
    if (Result<void> expired = expire(now); !expired) return fail(std::move(expired).error());
    if (Result<void> started = startDue(); !started) return fail(std::move(started).error());
    if (Result<void> waited = waitAndHandle(now); !waited) return fail(std::move(waited).error());
  }
  Report report = reportUntil(Clock::now());
  if (!options_.pids.empty()) {
    const Result<Duration> cpu = cpuTimeOf(options_.pids);
    if (!cpu) return fail(cpu.error());
    report.target_cpu = *cpu - target_cpu_at_start_;
  }
  return report;
}

Report Driver::reportUntil(TimePoint now) {
  Report report{.tally = std::move(tally_),
                .flows = {},
                .elapsed = now - measured_since_,
                .target_cpu = std::nullopt,
                .own_cpu = ownCpuTime() - own_cpu_at_start_};
  for (std::size_t i = 0; i < options_.flows.size(); ++i) {
    report.flows.push_back({options_.flows[i].path, options_.flows[i].rate, std::move(flows_[i].tally)});
  }
  return report;
}

// Each flow has random numbers of its own.
void Driver::makeSchedules(TimePoint begin) {
  if (options_.flows.empty() && options_.rate > 0) {
    flows_.front().schedule.emplace(options_.rate, options_.arrivals, options_.seed, begin);
  }
  for (std::size_t i = 0; i < options_.flows.size(); ++i) {
    flows_[i].schedule.emplace(options_.flows[i].rate, options_.arrivals, options_.seed + i, begin);
  }
}

Result<void> Driver::open() {
  epoll_ = FileDescriptor(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.valid()) return fail(Error::fromErrno("epoll_create1", errno));
  seats_.resize(options_.connections);
  for (std::size_t index = 0; index < seats_.size(); ++index) {
    if (Result<void> seated = seatConnection(index); !seated) return seated;
  }
  for (std::size_t stream = 0; stream < options_.streams; ++stream) {
    for (std::size_t index = 0; index < seats_.size(); ++index) free_slots_.push_back(index);
  }
  return {};
}

// Puts a new connection where there is none or a dead one.
Result<void> Driver::seatConnection(std::size_t index) {
  Seat& seat = seats_[index];
  seat.connection.reset();
  Result<std::unique_ptr<Connection>> connection = connect(options_, *this);
  if (!connection) return fail(std::move(connection).error());
  seat.connection = *std::move(connection);
  seat.watched = EPOLLIN;
  epoll_event event{};
  event.events = seat.watched;
  event.data.u64 = index;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, seat.connection->fd(), &event) != 0) {
    return fail(Error::fromErrno("epoll_ctl", errno));
  }
  for (; seat.waiting_slots > 0; --seat.waiting_slots) free_slots_.push_back(index);
  return {};
}

// Writes what a connection has to write, then watches or replaces it as its state asks.
Result<void> Driver::settle(std::size_t index) {
  Seat& seat = seats_[index];
  seat.connection->flush();
  if (!seat.connection->alive()) return seatConnection(index);
  const std::uint32_t wanted = seat.connection->wantedEvents();
  if (wanted == seat.watched) return {};
  seat.watched = wanted;
  epoll_event event{};
  event.events = wanted;
  event.data.u64 = index;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, seat.connection->fd(), &event) != 0) {
    return fail(Error::fromErrno("epoll_ctl", errno));
  }
  return {};
}

// Starts requests as long as one is due and a stream is free. What several streams of one connection have to say
// goes out in one write.
Result<void> Driver::startDue() {
  touched_.clear();
  while (!free_slots_.empty()) {
    const std::size_t index = free_slots_.front();
    if (!seats_[index].connection->accepting()) {
      free_slots_.pop_front();
      ++seats_[index].waiting_slots;
      if (Result<void> settled = settle(index); !settled) return settled;
      continue;
    }
    const TimePoint now = Clock::now();
    const std::optional<Due> due = nextDue(now);
    if (!due) break;
    free_slots_.pop_front();
    startOn(index, *due, now);
    if (std::find(touched_.begin(), touched_.end(), index) == touched_.end()) touched_.push_back(index);
  }
  for (const std::size_t index : touched_) {
    if (Result<void> settled = settle(index); !settled) return settled;
  }
  return {};
}

std::size_t Driver::earliestFlow() const {
  const auto earliest = std::min_element(flows_.begin(), flows_.end(), [](const Flow& a, const Flow& b) {
    return a.schedule->next() < b.schedule->next();
  });
  return static_cast<std::size_t>(earliest - flows_.begin());
}

// When the next request is due; always now in the closed loop.
TimePoint Driver::dueTime(TimePoint now) const {
  return isOpenLoop() ? flows_[earliestFlow()].schedule->next() : now;
}

bool Driver::mayStart(TimePoint due) const {
  return due < window_end_ && (options_.requests == 0 || counted_ < options_.requests);
}

// The next request, if it was due by now. Those that have been due for too long are given up.
std::optional<Driver::Due> Driver::nextDue(TimePoint now) {
  while (true) {
    const Due due{isOpenLoop() ? earliestFlow() : 0, dueTime(now)};
    if (due.at > now || !mayStart(due.at)) return std::nullopt;
    if (!isOpenLoop()) return due;
    flows_[due.flow].schedule->advance();
    if (now - due.at <= options_.timeout) return due;
    if (measuring_ && due.at >= window_start_) {
      ++counted_;
      Exchange unsent;
      unsent.request = &flows_[due.flow].plan.next();
      unsent.flow = due.flow;
      unsent.intended = due.at;
      record(unsent, Outcome::kUnsent, now);
    }
  }
}

void Driver::record(const Exchange& exchange, Outcome outcome, TimePoint now) {
  const Duration latency = now - exchange.intended;
  tally_.record(exchange, outcome, latency, now - window_start_);
  if (!options_.flows.empty()) flows_[exchange.flow].tally.record(exchange, outcome, latency, now - window_start_);
}

void Driver::startOn(std::size_t index, Due due, TimePoint now) {
  if (idle_.empty()) idle_.emplace_back();
  live_.splice(live_.end(), idle_, idle_.begin());
  OwnedExchange& exchange = live_.back();
  exchange.self = std::prev(live_.end());
  exchange.request = &flows_[due.flow].plan.next();
  exchange.flow = due.flow;
  exchange.intended = due.at;
  exchange.deadline = now + options_.timeout;
  exchange.measured = measuring_ && due.at >= window_start_;
  exchange.connection = index;
  exchange.unsent_body_bytes = options_.body_bytes;
  exchange.status = 0;
  exchange.reason.clear();
  exchange.body_bytes = 0;
  exchange.kept_body.clear();
  if (exchange.measured) ++counted_;
  seats_[index].connection->start(exchange);
}

void Driver::finished(Exchange& exchange, Outcome outcome) {
  if (outcome == Outcome::kOk) {
    const bool body_fits = !options_.expect_bytes || exchange.body_bytes == *options_.expect_bytes;
    if (exchange.status != options_.expect_status) {
      outcome = Outcome::kWrongStatus;
    } else if (!body_fits || exchange.kept_body.find(exchange.request->expect_body) == std::string::npos) {
      outcome = Outcome::kWrongBody;
    }
  }
  if (exchange.measured) record(exchange, outcome, Clock::now());
  free_slots_.push_back(exchange.connection);
  idle_.splice(idle_.end(), live_, static_cast<OwnedExchange&>(exchange).self);
}

Result<void> Driver::expire(TimePoint now) {
  while (!live_.empty() && live_.front().deadline <= now) {
    OwnedExchange& exchange = live_.front();
    const std::size_t index = exchange.connection;
    seats_[index].connection->abandon(exchange);
    if (Result<void> settled = settle(index); !settled) return settled;
  }
  return {};
}

Result<void> Driver::beginMeasuring(TimePoint now) {
  measuring_ = true;
  measured_since_ = now;
  own_cpu_at_start_ = ownCpuTime();
  const Result<Duration> cpu = cpuTimeOf(options_.pids);
  if (!cpu) return fail(cpu.error());
  target_cpu_at_start_ = *cpu;
  return {};
}

// When something falls due even if no socket stirs.
TimePoint Driver::wakeTime(TimePoint now) const {
  if (complete(now)) return now;
  TimePoint wake = now < window_end_ ? window_end_ : TimePoint::max();
  if (!measuring_) wake = std::min(wake, window_start_);
  if (!live_.empty()) wake = std::min(wake, live_.front().deadline);
  const TimePoint due = dueTime(now);
  if (isOpenLoop() && !free_slots_.empty() && mayStart(due)) wake = std::min(wake, due);
  return wake == TimePoint::max() ? now : wake;
}

// Nothing runs, and nothing will be started.
bool Driver::complete(TimePoint now) const {
  return measuring_ && live_.empty() && !mayStart(dueTime(now));
}

Result<void> Driver::waitAndHandle(TimePoint now) {
  std::array<epoll_event, kEventsPerWait> events;
  const Duration until_due = options_.busy_poll ? Duration::zero() : wakeTime(now) - now;
  const timespec wait = toTimespec(std::max(until_due, Duration::zero()));
  const int ready = epoll_pwait2(epoll_.get(), events.data(), kEventsPerWait, &wait, nullptr);
  if (ready < 0 && errno != EINTR) return fail(Error::fromErrno("epoll_pwait2", errno));
  for (int i = 0; i < ready; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    const auto index = static_cast<std::size_t>(event.data.u64);
    seats_[index].connection->onEvents(event.events);
    if (seats_[index].connection->alive()) {
      // What has come free may take the next request in the same write.
      if (Result<void> started = startDue(); !started) return started;
    }
    if (Result<void> settled = settle(index); !settled) return settled;
  }
  return {};
}

}  // namespace wasabi::bench
