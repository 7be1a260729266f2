// What an invocation holds: its growth, and its eviction when memory is short; see invocation.h.
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "box/invocation.h"

namespace wasabi::box {
namespace {

// Longer bodies are not kept for running the request again.
constexpr std::size_t kReplayBytes = 64 * 1024;
// Nor more than so much of all requests of a worker.
constexpr std::uint64_t kMostReplayBytes = 16 << 20;
// One that is evicted more often ends.
constexpr std::uint32_t kMostEvictions = 3;

}  // namespace

engine::Growth Invocation::memoryGrowth(ByteSize, ByteSize wanted) {
  const ByteSize by = wanted - memory_.size();
  if (growth_waits_) {
    if (!services_.ledger.takeGrant(age())) return engine::Growth::kWait;
  } else if (!services_.ledger.grow(by, age(), {services_.worker, token_})) {
    growth_waits_ = true;
    return engine::Growth::kWait;
  }
  growth_waits_ = false;
  memory_.add(by);
  services_.gauges.grown_bytes += by.value;
  return engine::Growth::kGrant;
}

void Invocation::growthGranted() {
  if (growth_waits_ && guest_) guest_->retryGrowth();
}

std::optional<policy::EvictionCandidate> Invocation::evictionCandidate() const {
  if (state_ == InvocationState::kEnded || state_ == InvocationState::kQueued) return std::nullopt;
  policy::EvictionCandidate candidate;
  candidate.token = token_;
  candidate.tenant = deployment_.load->account.tenant();
  candidate.held = memory_.size();
  candidate.started = arrived_;
  candidate.acted = !mayRunAgain();
  candidate.waits_for_growth = growth_waits_ && state_ == InvocationState::kParked;
  return candidate;
}

// What was booked and what is held, of one whose guest is gone.
void Invocation::giveBack(policy::DemandHistory::Seen seen) {
  booked_ = false;
  peak_memory_ = std::max(peak_memory_, memory_.size());
  if (std::exchange(growth_waits_, false)) services_.ledger.giveUp(age());
  services_.gauges.grown_bytes -= memory_.size().value;
  memory_.release();
  const TimePoint now = Clock::now();
  memory_byte_seconds_ += static_cast<double>(peak_memory_.value) * toSeconds(now - admitted_);
  services_.desk.ended(deployment_.load->account.function(), peak_memory_, seen, admitted_, now);
}

void Invocation::keepForReplay(std::span<const std::byte> chunk) {
  if (replay_lost_) return;
  const std::uint64_t of_all = services_.gauges.replay_bytes + chunk.size();
  if (acted_ || response_.headSent() || replay_.size() + chunk.size() > kReplayBytes || of_all > kMostReplayBytes) {
    return dropReplay();
  }
  replay_ += textOf(chunk);
  services_.gauges.replay_bytes = of_all;
}

// From now on it cannot run again, unless it had no body at all.
void Invocation::dropReplay() {
  replay_lost_ = replay_lost_ || bytes_in_ > 0;
  services_.gauges.replay_bytes -= replay_.size();
  std::string().swap(replay_);
}

void Invocation::setInputHeld(std::size_t size) {
  services_.gauges.body_bytes += size;
  services_.gauges.body_bytes -= std::exchange(input_held_, size);
}

bool Invocation::mayRunAgain() const {
  return !acted_ && !replay_lost_ && !response_.headSent() && evictions_ < kMostEvictions && stream_ != nullptr;
}

void Invocation::evict(bool may_run_again) {
  // Memory may have come free since it was chosen.
  if (state_ != InvocationState::kParked || !growth_waits_ || services_.ledger.isGranted(age())) return;
  ++services_.gauges.evictions;
  log_.say("evicted: there is no memory for its growth, nor will there be while all others wait as well");
  if (!may_run_again || !mayRunAgain()) return end(Reason::kEvicted);
  requeue();
}

// From the start: as if it had come just now, with the age and the deadline it has.
void Invocation::requeue() {
  enter(InvocationState::kQueued);
  if (reading_) stream_->pauseReading();
  reading_ = false;
  output_full_ = false;
  tearDown();
  setInputHeld(0);
  command_.reset();
  program_.reset();
  instance_uses_ = 0;
  ++evictions_;
  giveBack(policy::DemandHistory::Seen::kAtLeast);
  const TimePoint now = Clock::now();
  queued_from_ = now;
  const AdmissionDesk::Answer answer =
      services_.desk.arrive({services_.worker, token_, deployment_.load->account.function(), arrived_, deadline_}, now);
  using Kind = AdmissionDesk::Answer::Kind;
  if (answer.kind == Kind::kRefused) return end(Reason::kEvicted);
  if (answer.kind == Kind::kWaits) {
    ticket_ = answer.ticket;
    waited_for_ = answer.reason;
    return;
  }
  begins();
  owner_.findProgram(*this, token_);
}

// Charged like a slice: to give back the memory of a large instance takes longer than one.
void Invocation::tearDown() {
  if (!guest_) return;
  services_.meter.sliceBegins();
  guest_.reset();
  const Duration cpu = services_.meter.sliceEnds();
  cpu_ += cpu;
  services_.gauges.cpu += cpu;
  services_.scheduler.used(deployment_.load->account.function(), cpu, Clock::now());
}

}  // namespace wasabi::box
