#include "box/worker.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "box/access_log.h"
#include "box/response_writer.h"

namespace wasabi::box {
namespace {

constexpr std::size_t kMaxShelvedInstances = 256;
constexpr Duration kMaxShelvedIdle = std::chrono::seconds(10);
constexpr Duration kShortFirstSlice = std::chrono::microseconds(250);
constexpr std::string_view kHealthPrefix = "/-/";

// The worker that runs on this thread, to tell wakes of its own from those that must be posted.
thread_local const Worker* current_worker = nullptr;

http::AddressPolicy addressPolicy(PrivateNetworks networks) {
  return [networks](const http::IpAddress& address) {
    return networks == PrivateNetworks::kAllowed || !http::isSpecialAddress(address);
  };
}

}  // namespace

Worker::Worker(std::uint32_t index, WorkerServices services)
    : index_(index),
      services_(std::move(services)),
      client_(loop_, services_.config.outbound,
              http::directConnector(loop_, addressPolicy(services_.config.private_networks), services_.outbound)),
      shelf_(kMaxShelvedInstances, kMaxShelvedIdle),
      request_ids_(services_.seed + index),
      quota_timer_(loop_),
      server_(std::in_place, loop_, services_.config.http, *this) {}

Worker::~Worker() {
  stop();
}

void Worker::start() {
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "worker");
    run();
  });
}

void Worker::run() {
  current_worker = this;
  while (!stopping_) turn();
  cutAll();
  current_worker = nullptr;
}

void Worker::turn() {
  ran_at_once_ = {};
  if (ran_) {
    loop_.runReady();
  } else {
    loop_.waitAndRun();
  }
  runNext();
  longest_turn_ = std::max(longest_turn_, Clock::now() - loop_.now());
  settled_.clear();
  if (draining_) idle_.store(invocations_.size() == 0 && server_->idle(), std::memory_order_release);
}

void Worker::runNext() {
  const auto [next, look_again] = services_.scheduler.next(index_, Clock::now());
  ran_ = next != nullptr;
  if (look_again) quota_timer_.arm(*look_again, [] {});
  if (!next) return;
  auto& invocation = static_cast<Invocation&>(*next);
  if (invocation.home() == index_) return invocation.runSlice();
  runForItsHome(invocation);
}

// It stays alive until cameBack(): at home nothing ends it before.
void Worker::runForItsHome(Invocation& invocation) {
  const Invocation::Slice slice = invocation.runAway(meter_, index_);
  services_.scheduler.ran(invocation, slice.cpu, Clock::now());
  invocation.homeLoop().post([&invocation, slice] { invocation.cameBack(slice); });
}

// First slices of functions that are usually short, and of no more than a slice in all in one turn: the others wait in
// order, so that requests which came in together cannot delay what is behind them by the sum of their slices.
bool Worker::mayRunAtOnce(const FunctionLoad& load) {
  if (ran_at_once_ >= services_.config.invocation.slice || load.usualFirstSlice() > kShortFirstSlice) return false;
  return services_.scheduler.mayRunAtOnce(load.account.function(), Clock::now());
}

void Worker::ranAtOnce(const FunctionLoad& load, Duration cpu) {
  ran_at_once_ += cpu;
  services_.scheduler.ranAtOnce(load.account.function(), cpu, Clock::now());
}

void Worker::stop() {
  if (!thread_.joinable()) return;
  loop_.post([this] { stopping_ = true; });
  thread_.join();
}

// Those that end leave the table while it is walked.
void Worker::endEach(void (*how)(Invocation&)) {
  std::vector<Invocation*> present;
  invocations_.forEach([&](Invocation& invocation) { present.push_back(&invocation); });
  for (Invocation* invocation : present) how(*invocation);
}

bool Worker::anyLives() const {
  bool lives = false;
  invocations_.forEach(
      [&](const Invocation& invocation) { lives = lives || invocation.state() != InvocationState::kEnded; });
  return lives;
}

void Worker::giveWayToWriters() {
  loop_.post([this] {
    endEach([](Invocation& invocation) { invocation.giveWayToWriter(); });
    shelf_.dropWanted();
  });
}

void Worker::cutAll() {
  endEach([](Invocation& invocation) { invocation.stop(Reason::kStopped); });
  // Those in a slice on another worker end when they come back.
  while (anyLives()) loop_.waitAndRun();
  server_.reset();
  settled_.clear();
  shelf_.keepOnly([](const catalog::FunctionSpec&) { return false; });
}

void Worker::setFunctions(FunctionTablePtr functions) {
  loop_.post([this, functions = std::move(functions)]() mutable {
    functions_ = std::move(functions);
    shelf_.keepOnly([this](const catalog::FunctionSpec& version) { return functions_->holds(version); });
  });
}

void Worker::report(UniqueFunction<void(WorkerReport)> take) {
  loop_.post([this, take = std::move(take)]() mutable {
    shelf_.dropIdle(loop_.now());
    gauges_.booked_bytes.settle(loop_.now());
    gauges_.waiting_bytes.settle(loop_.now());
    take({std::exchange(delta_, {}), gauges_, server_->counters(), shelf_.size(), std::exchange(longest_turn_, {})});
  });
}

void Worker::drain() {
  loop_.post([this] {
    draining_ = true;
    server_->drain();
  });
}

// ---- requests -------------------------------------------------------------------------------------------------------

void Worker::onRequest(http::ServerStream& stream) {
  const http::RequestHead& request = stream.request();
  const std::string_view path = request.path();
  if (!path.starts_with('/')) return refuse(stream, nullptr, Reason::kBadPath);
  if (path.starts_with(kHealthPrefix)) return answerHealth(stream, path);
  if (!functions_) return refuse(stream, nullptr, Reason::kNotReady);
  const auto match = functions_->route(request.authority, path);
  if (!match) return refuse(stream, nullptr, Reason::kNoRoute);
  admit(stream, *match);
}

void Worker::answerHealth(http::ServerStream& stream, std::string_view path) {
  const Readiness readiness = services_.readiness.load(std::memory_order_relaxed);
  if (path == "/-/healthz") return sendText(stream, 200, "ok\n");
  if (path != "/-/readyz") return refuse(stream, nullptr, Reason::kNoRoute);
  if (readiness == Readiness::kReady) return sendText(stream, 200, "ready\n");
  sendText(stream, 503, readiness == Readiness::kStarting ? "starting\n" : "draining\n");
}

void Worker::admit(http::ServerStream& stream, const FunctionTable::Match& match) {
  const catalog::FunctionSpec& function = *match.deployment->spec;
  const std::uint64_t declared_body = stream.request().content_length.value_or(0);
  if (function.limits.request_body && declared_body > function.limits.request_body->value) {
    return refuse(stream, match.deployment->spec, Reason::kRequestBodyLimit);
  }
  auto place = ConcurrencyPlace::take(*match.deployment);
  if (!place) return refuse(stream, match.deployment->spec, Reason::kFunctionConcurrency);

  const InvocationServices lent{loop_,
                                services_.engine,
                                *this,
                                client_,
                                services_.function_log,
                                shelf_,
                                gauges_,
                                meter_,
                                services_.ticker,
                                services_.scheduler,
                                index_,
                                services_.config.invocation};
  InvocationOwner& owner = *this;
  const InvocationToken token = invocations_.nextToken();
  auto invocation =
      std::make_unique<Invocation>(stream,
                                   Invocation::Admission{token, *match.deployment, std::move(*place), match.prefix_size,
                                                         requestId(stream.request()), Clock::now()},
                                   lent, owner);
  Invocation& admitted = *invocation;
  invocations_.insert(std::move(invocation));
  if (ProgramPtr program = services_.programs.find(function.module)) {
    admitted.programReady(std::move(program));
  } else {
    loadProgram(admitted, token);
  }
}

void Worker::loadProgram(Invocation& invocation, InvocationToken token) {
  invocation.programWaits();
  services_.programs.load(invocation.function(), [this, token](Result<ProgramPtr> program) {
    loop_.post([this, token, program = std::move(program)]() mutable { programReady(token, std::move(program)); });
  });
}

void Worker::programReady(InvocationToken token, Result<ProgramPtr> program) {
  Invocation* invocation = invocations_.find(token);
  if (!invocation) return;
  // It may have been let go while it was on its way here.
  if (program && (*program)->isWanted()) return loadProgram(*invocation, token);
  invocation->programReady(std::move(program));
}

void Worker::refuse(http::ServerStream& stream, catalog::FunctionPtr function, Reason reason) {
  const TimePoint arrived = Clock::now();
  const std::string request_id = requestId(stream.request());
  RequestRecord refusal;
  refusal.function = std::move(function);
  refusal.request_id = request_id;
  refusal.method = stream.request().method;
  refusal.path = stream.request().path();
  refusal.reason = reason;
  refusal.status = statusOf(reason);
  refusal.wall = Clock::now() - arrived;
  record(refusal);
  sendRefusal(stream, reason, request_id);
}

std::string Worker::requestId(const http::RequestHead& request) {
  if (const auto header = request.headers.find("traceparent")) {
    if (const auto trace_id = traceIdOf(*header)) return std::string(*trace_id);
  }
  return request_ids_.next();
}

void Worker::settled(InvocationToken token, const RequestRecord& over) {
  record(over);
  settled_.push_back(invocations_.remove(token));
}

void Worker::record(const RequestRecord& over) {
  delta_.add(over);
  if (!services_.access_log.enabled()) return;
  line_.clear();
  appendAccessLine(line_, over, unixMilliseconds());
  services_.access_log.append(line_);
}

void Worker::wake(std::uint64_t token) noexcept {
  if (current_worker == this) {
    if (Invocation* invocation = invocations_.find(token)) invocation->woken();
    return;
  }
  loop_.post([this, token] {
    if (Invocation* invocation = invocations_.find(token)) invocation->woken();
  });
}

}  // namespace wasabi::box
