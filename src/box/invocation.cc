#include "box/invocation.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "box/cgi_request.h"
#include "box/ending.h"
#include "box/field_views.h"
#include "box/gateway_words.h"
#include "http/egress_call.h"

namespace wasabi::box {
namespace {

// Fields that are ours, or speak about the connection, are not for guests.
bool isForGuests(std::string_view field) {
  return !http::isHopByHop(field) && !field.starts_with("wasabi-");
}

}  // namespace

Invocation::Invocation(http::ServerStream& stream, Admission admission, const InvocationServices& services,
                       InvocationOwner& owner)
    : Runnable(admission.deployment.load->account.function(), services.worker),
      token_(admission.token),
      deployment_(std::move(admission.deployment)),
      services_(services),
      owner_(owner),
      stream_(&stream),
      request_id_(std::move(admission.request_id)),
      method_(stream.request().method),
      path_(stream.request().path()),
      arrived_(admission.arrived),
      deadline_(admission.deadline),
      route_prefix_size_(admission.route_prefix_size),
      admitted_(admission.arrived),
      queued_from_(admission.arrived),
      waited_for_(admission.waits_for),
      state_(admission.ticket ? InvocationState::kQueued : InvocationState::kLoading),
      ticket_(admission.ticket.value_or(0)),
      booked_(!admission.ticket),
      memory_(services.ledger),
      response_(stream, deployment_.spec->limits.response_body),
      log_(services.function_log, deployment_.load->log_budget, *deployment_.spec, request_id_,
           services.limits.log_line_bytes),
      outbound_(services.egress, {*deployment_.spec, request_id_, http::hopsOf(stream.request().headers), log_},
                services.limits.outbound_per_invocation),
      timeout_(services.loop) {
  if (services.front == Front::kGateway) response_.tellBooking(admission.booked);
  stream.attach(*this);
  ++services_.gauges.started;
  ++services_.gauges.by_state[static_cast<std::size_t>(state_)];
  timeout_.arm(admission.deadline, [this] { onTimeout(); });
}

Invocation::~Invocation() {
  WASABI_CHECK(state_ == InvocationState::kEnded);
  --services_.gauges.by_state[static_cast<std::size_t>(state_)];
}

// ---- transitions ----------------------------------------------------------------------------------------------------

void Invocation::enter(InvocationState next) {
  WASABI_CHECK(state_ != InvocationState::kEnded);
  InvocationGauges& gauges = services_.gauges;
  --gauges.by_state[static_cast<std::size_t>(state_)];
  ++gauges.by_state[static_cast<std::size_t>(next)];
  state_ = next;
}

void Invocation::programReady(Result<ProgramPtr> program) {
  if (state_ != InvocationState::kLoading) return;
  if (!program) {
    log_.say(program.error().message());
    return end(reasonForLoadFailure(program.error().code()));
  }
  program_ = std::move(*program);
  const policy::FunctionId function = deployment_.load->account.function();
  if (!owner_.mayRunAtOnce(function)) return waitForSlice(policy::Where::kAtHome);
  const Slice slice = sliceAtHome();
  owner_.ranAtOnce(function, slice.cpu);
  afterSlice(slice);
}

Duration Invocation::runSlice() {
  const policy::Which which = guest_ ? policy::Which::kLater : policy::Which::kFirst;
  const Slice slice = sliceAtHome();
  services_.scheduler.ran(*this, which, slice.cpu, Clock::now());
  afterSlice(slice);
  return slice.cpu;
}

Invocation::Slice Invocation::sliceAtHome() {
  services_.meter.sliceBegins();
  enter(InvocationState::kRunning);
  woken_in_slice_ = false;
  wanted_home_ = false;
  Slice slice{engine::PollOutcome::kDone, {}};
  if (guest_ || start()) slice.outcome = poll(services_.worker);
  slice.cpu = services_.meter.sliceEnds();
  return slice;
}

Invocation::Slice Invocation::runAway(CpuMeter& meter, std::uint32_t worker) {
  meter.sliceBegins();
  host_.turnTo(away_);
  const engine::PollOutcome outcome = poll(worker);
  host_.turnTo(*this);
  return {outcome, meter.sliceEnds()};
}

void Invocation::cameBack(Slice slice) {
  enter(InvocationState::kRunning);
  wanted_home_ = away_.wantsHome();
  away_.playBack(*this, *guest_);
  if (wanted_home_) {
    guest_->outputReady();
    guest_->retryGrowth();
  }
  afterSlice(slice);
}

// On whichever worker it runs: touches nothing but the guest and the ticker.
engine::PollOutcome Invocation::poll(std::uint32_t worker) {
  services_.ticker.sliceBegins(worker);
  const engine::PollOutcome outcome = guest_->poll(services_.limits.slice);
  services_.ticker.sliceEnds(worker);
  return outcome;
}

void Invocation::afterSlice(Slice slice) {
  cpu_ += slice.cpu;
  services_.gauges.cpu += slice.cpu;
  if (state_ == InvocationState::kEnded) return;  // it could not start
  if (pending_end_ != Reason::kNone) return end(pending_end_);
  if (acted_ || response_.headSent()) dropReplay();
  if (slice.outcome == engine::PollOutcome::kDone) return guestDone();
  if (slice.outcome == engine::PollOutcome::kOutOfSlice || woken_in_slice_) return waitForSlice(whereItMayRun());
  enter(InvocationState::kParked);
}

void Invocation::waitForSlice(policy::Where where) {
  enter(InvocationState::kRunnable);
  woken_in_slice_ = false;
  services_.scheduler.add(*this, where, guest_ ? policy::Which::kLater : policy::Which::kFirst, Clock::now());
}

// Away from home nothing may come in for the guest.
policy::Where Invocation::whereItMayRun() const {
  const bool all_is_in =
      (!stream_ || stream_->requestComplete()) && !output_full_ && !growth_waits_ && outbound_.idle();
  return all_is_in && !wanted_home_ ? policy::Where::kAnywhere : policy::Where::kAtHome;
}

void Invocation::woken() {
  if (state_ == InvocationState::kParked) return waitForSlice(whereItMayRun());
  woken_in_slice_ = true;
}

void Invocation::onTimeout() {
  if (state_ == InvocationState::kQueued) return end(Reason::kDeadline);
  end(state_ == InvocationState::kLoading ? Reason::kTimeoutLoading : Reason::kTimeout);
}

void Invocation::giveWayToWriter() {
  if (state_ == InvocationState::kEnded || !program_ || !program_->isWanted()) return;
  log_.say("somebody writes to the compiled module in the store that this request runs on");
  end(Reason::kProgramWithdrawn);
}

void Invocation::endAfterSlice(Reason reason, std::string_view message) {
  if (pending_end_ != Reason::kNone) return;
  pending_end_ = reason;
  log_.say(message);
}

void Invocation::end(Reason reason) {
  if (state_ == InvocationState::kEnded) return;
  if (state_ == InvocationState::kRunnable && !services_.scheduler.withdraw(*this)) {
    // Another worker runs it.
    if (pending_end_ == Reason::kNone) pending_end_ = reason;
    return;
  }
  reason_ = reason;
  if (ticket_ != 0) {
    leftTheQueue();
    admitted_ = Clock::now();
    // It may have been called this very moment.
    booked_ = !services_.desk.cancel(std::exchange(ticket_, 0), admitted_);
  }
  enter(InvocationState::kEnded);  // before anything is torn down, since that may wake it
  timeout_.cancel();
  outbound_.cancelAll();
  tearDown();
  setInputHeld(0);
  dropReplay();
  program_.reset();
  const bool came_to_its_end = reason_ == Reason::kNone || reason_ == Reason::kExitCode;
  if (booked_) giveBack(came_to_its_end ? policy::DemandHistory::Seen::kWhole : policy::DemandHistory::Seen::kAtLeast);
  if (reason != Reason::kNone) response_.fail(reason, request_id_);
  settleIfOver();
}

void Invocation::settleIfOver() {
  if (settled_ || state_ != InvocationState::kEnded || stream_ != nullptr) return;
  settled_ = true;
  RequestRecord record;
  record.function = function();
  record.request_id = request_id_;
  record.method = method_;
  record.path = path_;
  record.reason = reason_;
  record.status = response_.status() != 0 ? response_.status() : statusOf(reason_);
  record.bytes_in = bytes_in_;
  record.bytes_out = response_.bodyBytes();
  record.wall = Clock::now() - arrived_;
  record.cpu = cpu_;
  record.wait = wait_;
  record.waited_for = waited_for_;
  record.queued = queued_;
  record.began_anew = evictions_ > 0;
  record.peak_memory = peak_memory_;
  record.memory_byte_seconds = memory_byte_seconds_;
  record.cold = cold_;
  owner_.settled(token_, record);
}

// ---- the guest's beginning and end ----------------------------------------------------------------------------------

bool Invocation::start() {
  const bool proxy = program_->program().kind() == engine::ProgramKind::kHttpProxy;
  auto guest = proxy ? startProxy() : startCommand();
  if (!guest) {
    log_.say(guest.error().message());
    if (guest.error().code() == ErrorCode::kInvalid) {
      end(Reason::kBadPath);
    } else {
      end(guest.error().code() == ErrorCode::kExhausted ? Reason::kBoxFull : Reason::kHostFault);
    }
    return false;
  }
  guest_.emplace(std::move(*guest));
  if (!replay_.empty()) {
    setInputHeld(replay_.size());
    guest_->push(bytesOf(replay_));
    if (stream_->requestComplete()) guest_->pushEnd();
  }
  if (!stream_->requestComplete()) {
    reading_ = true;
    stream_->resumeReading();
  }
  const TimePoint now = Clock::now();
  wait_ = now - arrived_;
  response_.began(now, wait_, toldWait());
  return true;
}

Result<engine::Invocation> Invocation::startCommand() {
  command_.emplace(function()->command_http, services_.limits.command_head_bytes, response_);
  const std::string client = clientOf(*stream_, services_.front);
  auto variables =
      cgiVariables(stream_->request(), {route_prefix_size_, client, request_id_, schemeOf(*stream_, services_.front)});
  if (!variables) return fail(std::move(variables.error()));

  // What the request says comes first, so that no setting of the function can stand in for it.
  std::vector<engine::FieldView> environment;
  environment.reserve(variables->size() + function()->environment.size());
  for (const Variable& variable : *variables) environment.push_back({variable.name, variable.value});
  for (const auto& [name, value] : function()->environment) environment.push_back({name, value});
  // Without the number that a superpod adds.
  const std::string_view name = function()->name.function;
  std::vector<std::string_view> arguments = {name.substr(0, name.find('@'))};
  arguments.insert(arguments.end(), function()->arguments.begin(), function()->arguments.end());

  engine::InvocationStart start;
  start.environment = environment;
  start.arguments = arguments;
  return startGuest(std::move(start));
}

Result<engine::Invocation> Invocation::startProxy() {
  std::vector<engine::FieldView> environment;
  for (const auto& [name, value] : function()->environment) environment.push_back({name, value});
  const http::RequestHead& request = stream_->request();
  std::vector<engine::FieldView> headers;
  headers.reserve(request.headers.size());
  for (const auto& [name, value] : request.headers) {
    if (isForGuests(name)) headers.push_back({name, value});
  }

  engine::InvocationStart start;
  start.environment = environment;
  // Only HTTP/1.0 may leave the authority out; wasi:http has no word for that.
  const std::string_view authority = request.authority.empty() ? "localhost" : std::string_view(request.authority);
  start.request = {request.method, isHttps(*stream_, services_.front), authority, request.target, headers};
  if (function()->reuse > 0) {
    ShelvedInstance shelved = services_.shelf.take(*function(), program_);
    if (shelved.instance) {
      services_.gauges.grown_bytes += shelved.memory.size().value;
      memory_ = std::move(shelved.memory);
    }
    start.instance = std::move(shelved.instance);
    instance_uses_ = shelved.uses;
  }
  return startGuest(std::move(start));
}

Result<engine::Invocation> Invocation::startGuest(engine::InvocationStart start) {
  start.wake_token = token_;
  start.memory_limit = function()->limits.memory;
  start.has_input = !stream_->requestComplete() || !replay_.empty();
  const engine::Directory files = {"/", function()->files_directory};
  if (!function()->files_directory.empty()) start.directories = {&files, 1};
  return engine::Invocation::start(services_.engine, program_->program(), host_, services_.wakes, std::move(start));
}

void Invocation::guestDone() {
  const engine::InvocationEnd ended = guest_->end();
  peak_memory_ = ended.peak_memory;
  if (ended.kind == engine::EndKind::kReturned) {
    if (command_) return commandReturned();
    if (!response_.complete()) return end(Reason::kNoResponse);
    keepInstance();
    return end(Reason::kNone);
  }
  if (ended.kind == engine::EndKind::kExitCode) {
    log_.say(fmt::format("exit code {}", ended.exit_code));
  } else {
    log_.say(fmt::format("{}: {} (memory limit {}, peak {})", engine::toString(ended.kind), ended.message,
                         toString(function()->limits.memory), toString(ended.peak_memory)));
  }
  end(reasonFor(ended.kind));
}

void Invocation::commandReturned() {
  auto sent = command_->exited();
  if (sent) return end(Reason::kNone);
  log_.say(sent.error().message());
  end(sent.error().code() == ErrorCode::kExhausted ? Reason::kResponseBodyLimit : Reason::kBadResponse);
}

void Invocation::keepInstance() {
  if (instance_uses_ >= function()->reuse) return;
  engine::Instance instance = guest_->takeInstance();
  if (instance) {
    services_.gauges.grown_bytes -= memory_.size().value;
    peak_memory_ = std::max(peak_memory_, memory_.size());
    services_.shelf.put(function(), {std::move(memory_), program_, std::move(instance), instance_uses_ + 1},
                        services_.loop.now());
  }
}

// ---- the client's side ----------------------------------------------------------------------------------------------

void Invocation::onBody(std::span<const std::byte> chunk) {
  bytes_in_ += chunk.size();
  keepForReplay(chunk);
  if (!guest_) return;
  if (function()->limits.request_body && bytes_in_ > function()->limits.request_body->value) {
    return end(Reason::kRequestBodyLimit);
  }
  setInputHeld(input_held_ + chunk.size());
  if (reading_ && input_held_ >= services_.limits.input_high_watermark) {
    reading_ = false;
    stream_->pauseReading();
  }
  guest_->push(chunk);
}

void Invocation::onBodyEnd(const http::Fields&) {
  if (guest_) guest_->pushEnd();
}

void Invocation::onWritable() {
  response_.roomAgain();
  if (guest_ && std::exchange(output_full_, false)) guest_->outputReady();
}

void Invocation::onClosed(http::CloseReason reason) {
  stream_ = nullptr;
  response_.close();
  if (reason != http::CloseReason::kFinished) {
    if (state_ != InvocationState::kEnded) return end(reasonFor(reason));
    if (reason_ == Reason::kNone) reason_ = reasonFor(reason);
  }
  settleIfOver();
}

}  // namespace wasabi::box
