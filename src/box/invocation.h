// One request being served by a function: from its admission to its access-log line.
//
//   kQueued --its turn--> kLoading                     the state graph; every arrow is one function below that
//                            |                          also moves the gauges
//   kLoading --program--> kRunning <--> kRunnable
//        |                   |  ^          ^
//        |                   v  | wake     |
//        |                 kParked         |
//        +--program, but others go first---+
//   kParked, its growth waiting, evicted ---> kQueued   requeue(): from the start, if it has shown nothing outside
//   any of these ----> kEnded          end(), once: gives back booking and memory, ends the response
//   kEnded and stream closed --> settled: record written, object handed back to its owner
//
// Lives on its home worker's thread. While it is kRunnable another worker may take it out of the scheduler and run a
// slice of its guest (runAway): then home only notes what happens, until cameBack().
#pragma once

#include <optional>
#include <string>

#include "box/admission_desk.h"
#include "box/away_host.h"
#include "box/box_config.h"
#include "box/command_response.h"
#include "box/cpu_meter.h"
#include "box/egress.h"
#include "box/function_log.h"
#include "box/function_table.h"
#include "box/instance_shelf.h"
#include "box/invocation_gauges.h"
#include "box/invocation_list.h"
#include "box/memory_ledger.h"
#include "box/outbound_calls.h"
#include "box/program_cache.h"
#include "box/response_writer.h"
#include "box/scheduler.h"
#include "box/ticker.h"
#include "engine/invocation.h"
#include "http/server.h"
#include "policy/eviction.h"

namespace wasabi::box {

// Names an invocation for wakers that may outlive it; see slot_map.h.
using InvocationToken = std::uint64_t;

// What a worker lends to its invocations. Everything outlives them.
struct InvocationServices {
  http::EventLoop& loop;
  const engine::Engine& engine;
  engine::WakeSink& wakes;
  Egress egress;
  LineLog& function_log;
  InstanceShelf& shelf;
  InvocationGauges& gauges;
  CpuMeter& meter;
  Ticker& ticker;
  Scheduler& scheduler;
  AdmissionDesk& desk;
  MemoryLedger& ledger;
  std::uint32_t worker;
  Front front;
  const InvocationLimits& limits;
};

class Invocation;

// The worker that an invocation belongs to.
class InvocationOwner {
 public:
  virtual ~InvocationOwner() = default;
  // Whether a new invocation may have its first slice now, before those that wait.
  virtual bool mayRunAtOnce(policy::FunctionId function) = 0;
  // After that slice.
  virtual void ranAtOnce(policy::FunctionId function, Duration cpu) = 0;
  // It was admitted and needs its program.
  virtual void findProgram(Invocation& invocation, InvocationToken token) = 0;
  // It is over: write the record, destroy the invocation from the loop.
  virtual void settled(InvocationToken token, const RequestRecord& record) = 0;
};

class Invocation final : public Runnable, public http::StreamObserver, private engine::InvocationHost {
 public:
  // What a slice came to.
  struct Slice {
    engine::PollOutcome outcome;
    Duration cpu;
  };

  struct Admission {
    InvocationToken token;
    Deployment deployment;
    std::size_t route_prefix_size;
    std::string request_id;
    TimePoint arrived;
    TimePoint deadline;
    std::optional<policy::Ticket> ticket;  // of one that has to wait for its turn
    Reason waits_for;
    ByteSize booked;  // of one that begins at once, by itself: the gateway is told
  };

  // Attaches itself to `stream`. The route of the admission is part of the path of the stream's request.
  Invocation(http::ServerStream& stream, Admission admission, const InvocationServices& services,
             InvocationOwner& owner);
  ~Invocation() override;

  const catalog::FunctionPtr& function() const { return deployment_.spec; }
  InvocationState state() const { return state_; }
  const std::string& requestId() const { return request_id_; }
  TimePoint arrived() const { return arrived_; }
  InvocationInfo info(TimePoint now) const;

  // Its turn has come: it was admitted.
  void called(Reason waited_for);
  // It waited so long that no time is left to run in.
  void calledTooLate(Reason waited_for);

  // The answer to its program being loaded; `cold` when it was not there at once.
  void programReady(Result<ProgramPtr> program);
  void programWaits() { cold_ = true; }

  // Its turn has come: runs the guest for a slice. The CPU time that took.
  Duration runSlice();
  // The same on another worker, which lends its meter and its place at the ticker. Then cameBack() is due at home.
  Slice runAway(CpuMeter& meter, std::uint32_t worker);
  void cameBack(Slice slice);
  http::EventLoop& homeLoop() { return services_.loop; }
  void woken();
  // Its growth waited, and memory is reserved for it now.
  void growthGranted();
  // What it looks like to whoever chooses a victim; nothing if it holds no booking.
  std::optional<policy::EvictionCandidate> evictionCandidate() const;
  // Takes its memory away if its growth still waits: it runs again from the start if it may, else it ends.
  void evict(bool may_run_again);
  // Ends it if somebody wants to write the file that its code is mapped from.
  void giveWayToWriter();
  // Ends it for a reason of the box's own.
  void stop(Reason reason) { end(reason); }

 private:
  // http::StreamObserver
  void onBody(std::span<const std::byte> chunk) override;
  void onBodyEnd(const http::Fields& trailers) override;
  void onWritable() override;
  void onClosed(http::CloseReason reason) override;

  // engine::InvocationHost
  std::size_t outputRoom(engine::Output stream) override;
  void output(engine::Output stream, std::span<const std::byte> data) override;
  void inputConsumed(std::size_t size) override;
  void responseHead(std::uint16_t status, std::span<const engine::FieldView> headers) override;
  void responseEnd(std::span<const engine::FieldView> trailers) override;
  engine::Growth memoryGrowth(ByteSize held, ByteSize wanted) override;
  engine::OutboundFailure outboundStart(std::uint64_t id, const engine::OutboundRequest& request) override;
  std::size_t outboundRoom(std::uint64_t id) override { return outbound_.room(id); }
  void outboundBody(std::uint64_t id, std::span<const std::byte> data) override { outbound_.body(id, data); }
  void outboundBodyEnd(std::uint64_t id, bool complete) override { outbound_.bodyEnd(id, complete); }
  void outboundConsumed(std::uint64_t id, std::size_t size) override { outbound_.consumed(id, size); }
  void outboundCancel(std::uint64_t id) override { outbound_.cancel(id); }

  Slice sliceAtHome();
  bool start();
  engine::PollOutcome poll(std::uint32_t worker);
  void afterSlice(Slice slice);
  void waitForSlice(policy::Where where);
  policy::Where whereItMayRun() const;
  Result<engine::Invocation> startCommand();
  Result<engine::Invocation> startProxy();
  Result<engine::Invocation> startGuest(engine::InvocationStart start);
  void enter(InvocationState next);
  void onTimeout();
  void guestDone();
  void commandReturned();
  void keepInstance();
  // Where the guest is in its slice it cannot be ended; the reason waits for the slice's end.
  void endAfterSlice(Reason reason, std::string_view message);
  void end(Reason reason);
  void giveBack(policy::DemandHistory::Seen seen);
  MemoryLedger::Age age() const { return {arrived_, reinterpret_cast<std::uintptr_t>(this)}; }
  void keepForReplay(std::span<const std::byte> chunk);
  void dropReplay();
  bool mayRunAgain() const;
  void requeue();
  void begins();
  void leftTheQueue();
  Reason toldWait() const { return evictions_ > 0 ? Reason::kEvicted : waited_for_; }
  void tearDown();
  void settleIfOver();
  void setInputHeld(std::size_t size);

  const InvocationToken token_;
  const Deployment deployment_;
  const InvocationServices services_;
  InvocationOwner& owner_;
  http::ServerStream* stream_;  // null once it is closed

  // For the record.
  const std::string request_id_;
  const std::string method_;
  const std::string path_;
  const TimePoint arrived_;
  const TimePoint deadline_;
  const std::size_t route_prefix_size_;
  TimePoint admitted_;
  TimePoint queued_from_;  // while it is queued
  Duration queued_{};      // before
  Reason waited_for_;      // in the queue, last
  Duration wait_{};
  Duration cpu_{};
  std::uint64_t bytes_in_ = 0;
  ByteSize peak_memory_;
  double memory_byte_seconds_ = 0;
  Reason reason_ = Reason::kNone;
  bool cold_ = false;

  InvocationState state_;
  policy::Ticket ticket_;               // while it is queued, else 0
  bool booked_;                         // admitted, and not given back
  bool woken_in_slice_ = false;         // or while it waits for one
  Reason pending_end_ = Reason::kNone;  // came in its slice, or while it was away
  bool wanted_home_ = false;            // its last slice away stopped at something that it only gets at home
  HeldMemory memory_;                   // of its instance
  bool growth_waits_ = false;           // or was granted and is not fetched yet
  bool acted_ = false;                  // somebody outside has seen something of it
  std::uint32_t evictions_ = 0;
  std::string replay_;  // the body so far, as long as it may have to run again
  bool replay_lost_ = false;
  std::size_t input_held_ = 0;  // pushed to the guest and not taken by it
  bool reading_ = false;
  bool settled_ = false;
  bool output_full_ = false;  // the guest was told that there is no room

  ResponseWriter response_;
  std::optional<CommandResponse> command_;  // for commands
  FunctionLog log_;
  OutboundCalls outbound_;
  http::Timer timeout_;
  ProgramPtr program_;
  std::uint32_t instance_uses_ = 0;
  AwayHost away_;
  HostSwitch host_{*this};
  std::optional<engine::Invocation> guest_;  // last: its destructor may call back
};

}  // namespace wasabi::box
