#include "policy/booking_simulation.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "policy/demand_history.h"
#include "policy/risk_governor.h"

namespace wasabi::policy::simulation {
namespace {

using namespace wasabi::literals;

constexpr Duration kStep = std::chrono::milliseconds(10);
// In admissions of the whole box.
constexpr std::uint64_t kEventEvery = 10'000;
constexpr std::uint64_t kEventLasts = 2'000;
constexpr double kWander = 0.002;  // of the logarithm of a factor, at each admission of the function

// The standard library's distributions differ between libraries; the engine does not.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  double normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return sum;
  }

 private:
  std::mt19937_64 engine_;
};

struct Running {
  std::uint32_t function;
  std::uint64_t own;  // what it drew for itself
};

class Box {
 public:
  Box(const Load& load, BookingMode mode)
      : load_(load), random_(load.seed), book_(load.capacity, mode), governor_(mode) {
    const TimePoint start{};
    for (std::uint32_t i = 0; i < load.functions.size(); ++i) {
      const SimulatedFunction& function = load.functions[i];
      book_.setLimit({i}, function.limit);
      states_.push_back({DemandHistory(start)});
      states_.back().common = draw(function);
    }
  }

  Figures run() {
    while (figures_.admissions < load_.admissions) {
      const auto function = static_cast<std::uint32_t>(random_.below(states_.size()));
      while (book_.offer({function}).verdict != MemoryBook::Verdict::kFits) endOne();
      admit(function);
    }
    const double counted = static_cast<double>(load_.admissions - halfOfAll());
    figures_.mean_admitted /= counted;
    figures_.mean_demand /= counted;
    return figures_;
  }

 private:
  struct State {
    DemandHistory history;
    std::uint64_t common = 0;  // of kOneByFunction
    double drift = 0;          // logarithm of the factor of kDrifting
    std::uint32_t admissions = 0;
    std::uint64_t admitted = 0;
    std::uint64_t own_sum = 0;
  };

  std::uint64_t halfOfAll() const { return load_.admissions / 2; }

  std::uint64_t draw(const SimulatedFunction& function) {
    const auto typical = static_cast<double>(function.typical.value);
    double peak = typical;
    switch (function.shape) {
      case Shape::kConstant:
        peak *= 0.98 + 0.04 * random_.uniform();
        break;
      case Shape::kUniform:
        peak *= 0.5 + random_.uniform();
        break;
      case Shape::kTailed:
        peak *= std::exp(0.4 * random_.normal());
        break;
      case Shape::kTwoKinds:
        peak *= random_.below(10) == 0 ? 4 : 1;
        break;
    }
    return std::min(static_cast<std::uint64_t>(peak), function.limit.value);
  }

  bool eventNow() const {
    return figures_.admissions >= kEventEvery && figures_.admissions % kEventEvery < kEventLasts;
  }

  // What invocations of the function need that drew `own`, in all.
  std::uint64_t needs(std::uint32_t index, std::uint64_t own, std::uint64_t number) const {
    const State& state = states_[index];
    const auto sum = static_cast<double>(own);
    const std::uint64_t limits = load_.functions[index].limit.value * number;
    switch (load_.demand) {
      case Demand::kIndependent:
        return own;
      case Demand::kOneByFunction:
        return state.common * number;
      case Demand::kDrifting:
        return std::min(static_cast<std::uint64_t>(sum * std::exp(state.drift)), limits);
      case Demand::kOneForAll:
        return std::min(eventNow() ? 2 * own : own, limits);
      case Demand::kJump:
        return eventNow() ? limits / 10 * 9 : own;
    }
    return own;
  }

  void admit(std::uint32_t index) {
    State& state = states_[index];
    ++state.admissions;
    if (state.admissions % load_.redraw_every == 0) state.common = draw(load_.functions[index]);
    state.drift = std::clamp(state.drift + kWander * random_.normal(), std::log(0.5), std::log(2.0));
    const std::uint64_t own = draw(load_.functions[index]);
    book_.book({index});
    running_.push_back({index, own});
    state.own_sum += own;
    ++state.admitted;
    ++figures_.admissions;
    const std::uint64_t demand = step();
    const double part = static_cast<double>(demand) / static_cast<double>(load_.capacity.value);
    figures_.exceeded += demand > load_.capacity.value ? 1 : 0;
    figures_.worst_demand = std::max(figures_.worst_demand, part);
    if (figures_.admissions <= halfOfAll()) return;
    figures_.mean_admitted += static_cast<double>(running_.size());
    figures_.mean_demand += part;
  }

  // After an admission or an ending. Returns what all that is admitted needs.
  std::uint64_t step() {
    now_ += kStep;
    std::uint64_t demand = 0;
    for (std::uint32_t i = 0; i < states_.size(); ++i) demand += needs(i, states_[i].own_sum, states_[i].admitted);
    const bool exceeds = demand > load_.capacity.value;
    ++figures_.steps;
    figures_.exceeded_steps += exceeds ? 1 : 0;
    if (load_.governed) {
      const ByteSize held = std::min(ByteSize{demand}, load_.capacity);
      book_.setMode(governor_.observe({held, load_.capacity, exceeds ? 1U : 0U, 0}, now_));
    }
    return demand;
  }

  // Somebody, at random: run times have nothing to do with memory here.
  void endOne() {
    const std::size_t which = random_.below(running_.size());
    const Running ended = running_[which];
    running_[which] = running_.back();
    running_.pop_back();
    State& state = states_[ended.function];
    state.own_sum -= ended.own;
    --state.admitted;
    book_.release({ended.function});
    const ByteSize peak{needs(ended.function, ended.own, 1)};
    if (state.history.record(peak, DemandHistory::Seen::kWhole, now_)) {
      book_.setEstimate({ended.function}, state.history.estimate(load_.functions[ended.function].limit));
    }
    step();
  }

  const Load& load_;
  Random random_;
  MemoryBook book_;
  RiskGovernor governor_;
  std::vector<State> states_;
  std::vector<Running> running_;
  Figures figures_;
  TimePoint now_;
};

// P(at most `events` of `trials`) where each has probability p.
double atMost(std::uint64_t events, std::uint64_t trials, double p) {
  const auto n = static_cast<double>(trials);
  const double log_odds = std::log(p) - std::log1p(-p);
  double log_term = n * std::log1p(-p);
  double sum = std::exp(log_term);
  for (std::uint64_t i = 0; i < events; ++i) {
    const auto k = static_cast<double>(i);
    log_term += std::log((n - k) / (k + 1)) + log_odds;
    sum += std::exp(log_term);
  }
  return sum;
}

}  // namespace

Figures simulate(const Load& load, BookingMode mode) {
  return Box(load, mode).run();
}

double upperBound95(std::uint64_t events, std::uint64_t trials) {
  if (events >= trials) return 1;
  double low = 0;
  double high = 1;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (atMost(events, trials, middle) > 0.05 ? low : high) = middle;
  }
  return high;
}

std::vector<SimulatedFunction> mixedFunctions() {
  constexpr Shape kShapes[] = {Shape::kConstant, Shape::kUniform, Shape::kTailed, Shape::kTwoKinds};
  constexpr ByteSize kTypical[] = {4_MiB, 8_MiB, 16_MiB, 24_MiB, 48_MiB};
  constexpr ByteSize kLimits[] = {64_MiB, 128_MiB, 256_MiB};
  std::vector<SimulatedFunction> functions;
  for (std::size_t i = 0; i < 30; ++i) {
    const ByteSize typical = kTypical[i % 5];
    const ByteSize limit = std::max(kLimits[i % 3], ByteSize{4 * typical.value});
    functions.push_back({"f" + std::to_string(i), limit, typical, kShapes[i % 4]});
  }
  return functions;
}

std::vector<SimulatedFunction> paperFunctions(double factor) {
  const auto peak = [factor](double mebibytes) {
    return ByteSize{static_cast<std::uint64_t>(factor * mebibytes * 1024 * 1024)};
  };
  return {{"json-compression", 200_MiB, peak(36.9), Shape::kConstant},
          {"imageblur", 200_MiB, peak(23.3), Shape::kConstant},
          {"genpdf", 200_MiB, peak(13.2), Shape::kConstant},
          {"scrypt", 200_MiB, peak(1.25), Shape::kConstant},
          {"rsa-keygen", 200_MiB, peak(1.1), Shape::kConstant}};
}

}  // namespace wasabi::policy::simulation
