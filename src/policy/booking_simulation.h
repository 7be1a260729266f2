// A box reduced to its booking: functions whose real demands are known to the simulation alone, a MemoryBook that
// admits by what their ended invocations showed, and a count of how often what was admitted really needed more than
// there is.
//
// Load saturates: requests of random functions come until one does not fit, then somebody ends, and so on. So the book
// is full all the time, which is when its promise is put to the test. Seeded; the same seed, the same figures.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/memory_book.h"

namespace wasabi::policy::simulation {

// How the peaks of invocations come about.
enum class Shape : std::uint8_t {
  kConstant,  // always `typical`, give or take 2 %
  kUniform,   // between half and one and a half times `typical`
  kTailed,    // log-normal around `typical`, cut off at the limit
  kTwoKinds,  // one in ten needs four times `typical`
};

struct SimulatedFunction {
  std::string name;
  ByteSize limit;
  ByteSize typical;
  Shape shape = Shape::kConstant;
};

// What the peaks have to do with each other.
enum class Demand : std::uint8_t {
  kIndependent,    // each invocation draws its own
  kOneByFunction,  // all invocations of a function need the same at a time; it is drawn anew now and then
  kDrifting,       // as kIndependent, times a factor of each function that wanders between 1/2 and 2
  kOneForAll,      // as kIndependent, times a factor of ALL functions that doubles and halves at once now and then
  kJump,           // as kIndependent, until all functions of a sudden need 90 % of their limit, for a while
};

struct Load {
  std::vector<SimulatedFunction> functions;
  ByteSize capacity;
  Demand demand = Demand::kIndependent;
  std::uint64_t admissions = 100'000;
  std::uint64_t seed = 1;
  std::uint32_t redraw_every = 50;  // of kOneByFunction, in admissions of the function
  // A RiskGovernor sees the demand as what is held, and demand above the capacity as growth that waits.
  bool governed = false;
};

struct Figures {
  std::uint64_t admissions = 0;
  // Admissions after which what all that is admitted will need at its peaks was more than the capacity.
  std::uint64_t exceeded = 0;
  // The same of all steps, admissions and endings alike, each of which takes as long: the part of the time. While a
  // book that has become stricter lets nobody in, there are no admissions to count, and yet it may be too much.
  std::uint64_t steps = 0;
  std::uint64_t exceeded_steps = 0;
  double mean_admitted = 0;  // at once, over the second half, when there is history
  double mean_demand = 0;    // real, as part of the capacity, over the second half
  double worst_demand = 0;   // real, as part of the capacity

  double partOfTime() const { return static_cast<double>(exceeded_steps) / static_cast<double>(steps); }
  double frequency() const { return static_cast<double>(exceeded) / static_cast<double>(admissions); }
};

Figures simulate(const Load& load, BookingMode mode);

// The upper end of the one-sided 95 % interval of Clopper and Pearson for the probability of an event that was seen
// `events` times in `trials`.
double upperBound95(std::uint64_t events, std::uint64_t trials);

// Thirty functions of all shapes, with typical peaks of 4 to 48 MiB and limits of 64 to 256 MiB.
std::vector<SimulatedFunction> mixedFunctions();
// Like the five of the paper, each with its default request of 200 MiB as the limit; the peaks times `factor`.
//
// Their modules run in no engine of ours, so the peaks are those of stand-ins, as the size of the linear memory in V8
// at the end. Of imageblur it is a Rust program with its parameters and libraries. Of json-compression, genpdf and
// scrypt it is a C program that makes the main allocations of the published source (buffers inside their libraries are
// guessed), with its stack of 1 MiB; of rsa-keygen one that makes those a key pair of 2,048 bits is guessed to need. So
// these four are estimates, and `factor` shows how much hangs on them.
std::vector<SimulatedFunction> paperFunctions(double factor);

}  // namespace wasabi::policy::simulation
