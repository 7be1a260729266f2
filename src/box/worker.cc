#include "box/worker.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "box/access_log.h"
#include "box/gateway_words.h"
#include "box/response_writer.h"
#include "http/request_deadline.h"

namespace wasabi::box {
namespace {

constexpr std::size_t kMaxShelvedInstances = 256;
constexpr Duration kMaxShelvedIdle = std::chrono::seconds(10);
constexpr Duration kAskForAdmission = std::chrono::milliseconds(10);
constexpr std::string_view kHealthPrefix = "/-/";

// The worker that runs on this thread, to tell wakes of its own from those that must be posted.
thread_local const Worker* current_worker = nullptr;

}  // namespace

Worker::Worker(std::uint32_t index, WorkerServices services)
    : index_(index),
      services_(std::move(services)),
      client_(loop_, services_.egress.limits(services_.config.outbound), services_.egress.connectorOn(loop_)),
      shelf_(kMaxShelvedInstances, kMaxShelvedIdle),
      request_ids_(services_.seed + index),
      look_again_(loop_),
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
  runSlices();
  buffered_.store(server_->counters().buffered_bytes + gauges_.body_bytes + gauges_.replay_bytes,
                  std::memory_order_relaxed);
  settled_.clear();
  longest_turn_ = std::max(longest_turn_, Clock::now() - loop_.now());
  if (draining_) idle_.store(invocations_.size() == 0 && server_->idle(), std::memory_order_release);
}

// One that lasts, or several short ones.
void Worker::runSlices() {
  Duration used{};
  std::optional<TimePoint> refill;
  do {
    const auto [next, look_again] = services_.scheduler.next(index_, Clock::now());
    refill = look_again;
    ran_ = next != nullptr;
    if (next) used += run(static_cast<Invocation&>(*next));
  } while (ran_ && used < services_.config.invocation.slice / 2);
  if (services_.desk.anyWaits()) services_.desk.callNext(Clock::now());
  if (!ran_) lookAgainAt(refill);
}

Duration Worker::run(Invocation& invocation) {
  return invocation.home() == index_ ? invocation.runSlice() : runForItsHome(invocation);
}

// CPU backlog and quotas change without anybody telling.
void Worker::lookAgainAt(std::optional<TimePoint> refill) {
  std::optional<TimePoint> when = refill;
  if (services_.desk.anyWaits()) {
    const TimePoint soon = Clock::now() + kAskForAdmission;
    when = std::min(when.value_or(soon), soon);
  }
  if (when) look_again_.arm(*when, [] {});
}

// It stays alive until cameBack(): at home nothing ends it before.
Duration Worker::runForItsHome(Invocation& invocation) {
  const Invocation::Slice slice = invocation.runAway(meter_, index_);
  services_.scheduler.ran(invocation, policy::Which::kLater, slice.cpu, Clock::now());
  invocation.homeLoop().post([&invocation, slice] { invocation.cameBack(slice); });
  return slice.cpu;
}

// No more than a slice in all in one turn: the others wait in order, so that requests which came in together cannot
// delay what is behind them by the sum of their slices.
bool Worker::mayRunAtOnce(policy::FunctionId function) {
  if (ran_at_once_ >= services_.config.invocation.slice) return false;
  return services_.scheduler.mayRunAtOnce(function, Clock::now());
}

void Worker::ranAtOnce(policy::FunctionId function, Duration cpu) {
  ran_at_once_ += cpu;
  services_.scheduler.ranAtOnce(function, cpu, Clock::now());
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
  const auto endAll = [this] { endEach([](Invocation& invocation) { invocation.stop(Reason::kStopped); }); };
  endAll();
  // Those in a slice on another worker end when they come back; meanwhile more may come in.
  while (anyLives()) {
    loop_.waitAndRun();
    endAll();
  }
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
  const bool for_gateway = services_.config.front == Front::kGateway;
  if (!path.starts_with('/')) return refuse(stream, nullptr, {Reason::kBadPath});
  if (for_gateway && hasRoute(request)) return serveForGateway(stream);
  if (path.starts_with(kHealthPrefix)) return answerHealth(stream, path);
  if (for_gateway) return refuse(stream, nullptr, {Reason::kNoRoute});
  if (!functions_) return refuse(stream, nullptr, {Reason::kNotReady});
  const auto match = functions_->route(request.authority, path);
  if (!match) return refuse(stream, nullptr, {Reason::kNoRoute});
  admit(stream, *match);
}

void Worker::answerHealth(http::ServerStream& stream, std::string_view path) {
  const Readiness readiness = services_.readiness.load(std::memory_order_relaxed);
  if (path == "/-/healthz") return sendText(stream, 200, "ok\n");
  if (path != "/-/readyz") return refuse(stream, nullptr, {Reason::kNoRoute});
  if (readiness == Readiness::kReady) return sendText(stream, 200, "ready\n");
  sendText(stream, 503, readiness == Readiness::kStarting ? "starting\n" : "draining\n");
}

void Worker::serveForGateway(http::ServerStream& stream) {
  const auto route = gatewayRouteOf(stream.request());
  if (!route) return refuse(stream, nullptr, {Reason::kBadPath, {}, route.error().message()});
  const Deployment* deployment = functions_ ? functions_->find(route->function) : nullptr;
  if (!deployment) {
    delta_.addTurnedAway(kNotHereNumber);
    return sendNoRoom(stream, kNotHere);
  }
  admit(stream, {deployment, route->prefix_size});
}

void Worker::admit(http::ServerStream& stream, const FunctionTable::Match& match) {
  const catalog::FunctionSpec& function = *match.deployment->spec;
  const std::uint64_t declared_body = stream.request().content_length.value_or(0);
  if (function.limits.request_body && declared_body > function.limits.request_body->value) {
    return refuse(stream, match.deployment->spec, {Reason::kRequestBodyLimit});
  }
  const auto patience = http::patienceOf(stream.request().headers);
  if (!patience) return refuse(stream, match.deployment->spec, {Reason::kBadTimeout, {}, patience.error().message()});
  const TimePoint now = Clock::now();
  const TimePoint deadline = now + std::min(patience->value_or(function.limits.timeout), function.limits.timeout);
  const InvocationToken token = invocations_.nextToken();
  using IfNoRoom = AdmissionDesk::Request::IfNoRoom;
  const IfNoRoom if_no_room = services_.config.front == Front::kGateway ? IfNoRoom::kGoElsewhere : IfNoRoom::kWait;
  const AdmissionDesk::Answer answer = services_.desk.arrive(
      {index_, token, match.deployment->load->account.function(), now, deadline, if_no_room}, now);
  using Kind = AdmissionDesk::Answer::Kind;
  if (answer.kind == Kind::kRefused) {
    if (const Reason why = answer.obstacle; services_.config.front == Front::kGateway && isWait(why)) {
      delta_.addTurnedAway(waitNumber(why));
      return sendNoRoom(stream, toString(why));
    }
    return refuse(stream, match.deployment->spec, {answer.reason, answer.retry_after, {}, answer.obstacle});
  }

  const InvocationServices lent{loop_,
                                services_.engine,
                                *this,
                                {client_, services_.egress.way()},
                                services_.function_log,
                                shelf_,
                                gauges_,
                                meter_,
                                services_.ticker,
                                services_.scheduler,
                                services_.desk,
                                services_.ledger,
                                index_,
                                services_.config.front,
                                services_.config.invocation};
  InvocationOwner& owner = *this;
  const bool waits = answer.kind == Kind::kWaits;
  Invocation::Admission admission{token,
                                  *match.deployment,
                                  match.prefix_size,
                                  requestId(stream.request()),
                                  now,
                                  deadline,
                                  waits ? std::optional(answer.ticket) : std::nullopt,
                                  answer.reason,
                                  answer.booked};
  auto invocation = std::make_unique<Invocation>(stream, std::move(admission), lent, owner);
  Invocation& inside = *invocation;
  invocations_.insert(std::move(invocation));
  if (!waits) findProgram(inside, token);
}

void Worker::admitted(const AdmissionCall& call) {
  loop_.post([this, call] {
    Invocation* invocation = invocations_.find(call.token);
    const bool queued = invocation && invocation->state() == InvocationState::kQueued;
    if (call.kind == AdmissionCall::Kind::kTooLate) {
      if (queued) invocation->calledTooLate(call.waited_for);
      return;
    }
    if (queued) {
      invocation->called(call.waited_for);
      findProgram(*invocation, call.token);
    }
    services_.desk.answered(call.function);
  });
}

void Worker::findProgram(Invocation& invocation, InvocationToken token) {
  if (ProgramPtr program = services_.programs.find(invocation.function()->module)) {
    invocation.programReady(std::move(program));
  } else {
    loadProgram(invocation, token);
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

void Worker::refuse(http::ServerStream& stream, catalog::FunctionPtr function, const Refusal& refused) {
  const TimePoint arrived = Clock::now();
  const std::string request_id = requestId(stream.request());
  RequestRecord refusal;
  refusal.function = std::move(function);
  refusal.request_id = request_id;
  refusal.method = stream.request().method;
  refusal.path = stream.request().path();
  refusal.reason = refused.reason;
  refusal.in_the_way = refused.in_the_way;
  refusal.status = statusOf(refused.reason);
  refusal.wall = Clock::now() - arrived;
  record(refusal);
  sendRefusal(stream, refused, request_id);
}

void Worker::onMalformed(std::uint16_t status) {
  RequestRecord refusal;
  const std::string request_id = request_ids_.next();
  refusal.request_id = request_id;
  refusal.reason = Reason::kMalformed;
  refusal.status = status;
  record(refusal);
}

std::string Worker::requestId(const http::RequestHead& request) {
  if (const auto header = request.headers.find("traceparent")) {
    if (const auto trace_id = http::traceIdOf(*header)) return std::string(*trace_id);
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
