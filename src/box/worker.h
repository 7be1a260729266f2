// A worker: one thread, one event loop, one HTTP server, and the invocations whose requests came in there.
//
// The thread alternates between I/O and slices, so a guest that computes delays everything else by one slice. The slice
// may be one of another worker's invocation, when the order of all (scheduler.h) says so.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/line_log.h"
#include "base/slot_map.h"
#include "base/unique_function.h"
#include "box/box_config.h"
#include "box/cpu_meter.h"
#include "box/egress.h"
#include "box/function_table.h"
#include "box/instance_shelf.h"
#include "box/invocation.h"
#include "box/invocation_gauges.h"
#include "box/invocation_list.h"
#include "box/metrics.h"
#include "box/program_cache.h"
#include "box/response_writer.h"
#include "box/scheduler.h"
#include "box/ticker.h"
#include "http/client.h"
#include "http/event_loop.h"
#include "http/request_id.h"
#include "http/server.h"

namespace wasabi::box {

// Whether the box takes requests; read by all workers.
enum class Readiness : std::uint8_t { kStarting, kReady, kDraining };

// What the workers of a box share. Everything outlives them and is thread-safe.
struct WorkerServices {
  const BoxConfig& config;
  const engine::Engine& engine;
  ProgramCache& programs;
  LineLog& access_log;
  LineLog& function_log;
  Ticker& ticker;
  Scheduler& scheduler;
  AdmissionDesk& desk;
  MemoryLedger& ledger;
  EgressServices egress;
  std::uint64_t seed;  // of the request ids
  std::atomic<Readiness>& readiness;
};

// What one worker tells about itself, taken on its thread.
struct WorkerReport {
  MetricsDelta delta;
  InvocationGauges gauges;
  http::ServerCounters http;
  std::size_t shelved_instances = 0;
  Duration longest_turn{};  // since the last report
};

class Worker final : public http::RequestHandler, private InvocationOwner, private engine::WakeSink {
 public:
  Worker(std::uint32_t index, WorkerServices services);
  ~Worker() override;
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Before start().
  void listen(FileDescriptor listener) { server_->listen(std::move(listener)); }
  void start();

  // Thread-safe.
  void setFunctions(FunctionTablePtr functions);
  // `take` runs on the worker's thread.
  void report(UniqueFunction<void(WorkerReport)> take);
  // Ends what runs on, and drops what keeps, a program whose file somebody wants to write.
  void giveWayToWriters();
  // Takes no more connections and lets what runs finish.
  void drain();
  // The answers run on the worker's thread.
  void listInvocations(UniqueFunction<void(InvocationList)> take);
  // Ends every invocation of that request; `take` gets how many.
  void cancel(std::string request_id, UniqueFunction<void(std::size_t)> take);
  // Lets go of instances kept for reuse.
  void dropShelved(const catalog::ModuleDigest& module);
  void dropAllShelved();
  // Memory is reserved for the growth of that invocation.
  void growthGranted(std::uint64_t token);
  // Those that hold a booking; `take` runs on the worker's thread.
  void listEvictionCandidates(UniqueFunction<void(std::vector<policy::EvictionCandidate>)> take);
  void evict(std::uint64_t token, bool may_run_again);
  bool idle() const { return idle_.load(std::memory_order_acquire); }
  // In buffers of connections and of request bodies, after its last turn. Thread-safe.
  ByteSize buffered() const { return {buffered_.load(std::memory_order_relaxed)}; }
  // The turn of a request has come that waited for its admission.
  void admitted(const AdmissionCall& call);
  // Makes it look for something to run.
  void wakeUp() {
    loop_.post([] {});
  }

  // Cuts everything that still runs and ends the thread. Then no guest is left, but late wakes may still come until
  // the engine is gone.
  void stop();

 private:
  void onRequest(http::ServerStream& stream) override;
  void onMalformed(std::uint16_t status) override;
  bool mayRunAtOnce(policy::FunctionId function) override;
  void ranAtOnce(policy::FunctionId function, Duration cpu) override;
  void settled(InvocationToken token, const RequestRecord& record) override;
  void wake(std::uint64_t token) noexcept override;

  void run();
  void turn();
  void runSlices();
  Duration run(Invocation& invocation);
  Duration runForItsHome(Invocation& invocation);
  void lookAgainAt(std::optional<TimePoint> refill);
  void answerHealth(http::ServerStream& stream, std::string_view path);
  void serveForGateway(http::ServerStream& stream);
  void admit(http::ServerStream& stream, const FunctionTable::Match& match);
  void refuse(http::ServerStream& stream, catalog::FunctionPtr function, const Refusal& refusal);
  void findProgram(Invocation& invocation, InvocationToken token) override;
  void loadProgram(Invocation& invocation, InvocationToken token);
  void record(const RequestRecord& record);
  std::string requestId(const http::RequestHead& request);
  void programReady(InvocationToken token, Result<ProgramPtr> program);
  void endEach(void (*how)(Invocation&));
  bool anyLives() const;
  void cutAll();

  const std::uint32_t index_;
  const WorkerServices services_;
  http::EventLoop loop_;
  http::Client client_;
  CpuMeter meter_;
  InvocationGauges gauges_;
  MetricsDelta delta_;
  Duration longest_turn_{};
  InstanceShelf shelf_;
  http::RequestIdSource request_ids_;
  FunctionTablePtr functions_;
  bool ran_ = false;        // somebody's slice in the last turn
  Duration ran_at_once_{};  // first slices in this turn
  http::Timer look_again_;  // for something to run, though nothing happened
  SlotMap<Invocation> invocations_;
  std::vector<std::unique_ptr<Invocation>> settled_;  // destroyed at the end of the turn
  std::string line_;                                  // of the access log, kept for its memory
  std::optional<http::Server> server_;                // gone once the thread has ended
  bool draining_ = false;
  bool stopping_ = false;
  std::atomic<std::uint64_t> buffered_{0};
  std::atomic<bool> idle_{false};  // draining, and nothing left to do
  std::thread thread_;
};

}  // namespace wasabi::box
