// Runs the load: decides when each request is due, hands it to a free stream, and counts what comes back.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "base/file_descriptor.h"
#include "load/connection.h"
#include "load/options.h"
#include "load/plan.h"
#include "load/report.h"
#include "load/schedule.h"

namespace wasabi::bench {

class Driver final : private ExchangeSink {
 public:
  // One plan for each flow of the options, which must outlive the driver.
  Driver(const Options& options, std::vector<Plan> plans);

  // Returns when every request is answered or given up. Fails when the target cannot be connected to.
  Result<Report> run();

 private:
  struct OwnedExchange : Exchange {
    std::list<OwnedExchange>::iterator self;
  };
  struct Flow {
    Plan plan;
    std::optional<Schedule> schedule;  // of an open loop, from the run's begin
    Tally tally;
  };
  // A request that is to be sent now.
  struct Due {
    std::size_t flow;
    TimePoint at;
  };
  struct Seat {
    std::unique_ptr<Connection> connection;
    std::uint32_t watched = 0;      // events that the epoll set watches for
    std::size_t waiting_slots = 0;  // free streams of a connection that accepts no more; its successor's
  };

  void finished(Exchange& exchange, Outcome outcome) override;

  Result<void> open();
  Result<void> seatConnection(std::size_t index);
  Result<void> settle(std::size_t index);
  Result<void> startDue();
  void makeSchedules(TimePoint begin);
  std::size_t earliestFlow() const;
  TimePoint dueTime(TimePoint now) const;
  std::optional<Due> nextDue(TimePoint now);
  bool mayStart(TimePoint due) const;
  void startOn(std::size_t index, Due due, TimePoint now);
  void record(const Exchange& exchange, Outcome outcome, TimePoint now);
  Report reportUntil(TimePoint now);
  Result<void> expire(TimePoint now);
  Result<void> beginMeasuring(TimePoint now);
  Result<void> waitAndHandle(TimePoint now);
  TimePoint wakeTime(TimePoint now) const;
  bool isOpenLoop() const { return flows_.front().schedule.has_value(); }
  bool complete(TimePoint now) const;

  const Options& options_;
  std::vector<Flow> flows_;
  FileDescriptor epoll_;
  std::vector<Seat> seats_;
  std::deque<std::size_t> free_slots_;  // index of a connection, once for each of its free streams
  std::vector<std::size_t> touched_;    // connections with something to write, inside startDue()
  std::list<OwnedExchange> live_;       // in order of their deadlines
  std::list<OwnedExchange> idle_;       // kept for reuse
  TimePoint window_start_;
  TimePoint window_end_;
  std::uint64_t counted_ = 0;  // requests started or given up that count
  bool measuring_ = false;
  TimePoint measured_since_;
  Duration target_cpu_at_start_{};
  Duration own_cpu_at_start_{};
  Tally tally_;
};

}  // namespace wasabi::bench
