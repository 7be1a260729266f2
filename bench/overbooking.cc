// wasabi-overbooking [--admissions N] [--seeds N]: how the booking policy fares in the simulation of
// policy/booking_simulation.h, as JSON on standard output. Seeded: the same arguments, the same figures.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "flags.h"
#include "policy/booking_simulation.h"

namespace wasabi::bench {
namespace {

using namespace wasabi::literals;
using namespace wasabi::policy::simulation;
using policy::BookingMode;

constexpr ByteSize kCapacity = 10'000_MiB;

struct Options {
  std::uint64_t admissions = 200'000;
  std::uint64_t seeds = 5;
};

struct Case {
  const char* name;
  Demand demand;
  bool promised;
  std::uint32_t redraw_every = 50;
  bool governed = false;
};

constexpr Case kCases[] = {
    {"independent", Demand::kIndependent, true},
    {"one by function", Demand::kOneByFunction, true},
    {"drifting", Demand::kDrifting, true},
    // Of thirty functions each level holds some ten minutes, as long as the history does.
    {"one by function, held long", Demand::kOneByFunction, false, 1'000},
    {"one for all", Demand::kOneForAll, false},
    {"sudden jump of all", Demand::kJump, false},
    {"sudden jump of all, governed", Demand::kJump, false, 50, true},
};

// The figures of all seeds together.
nlohmann::json risk(const Case& what, double accepted, const Options& options) {
  Figures all;
  double worst_frequency = 0;
  for (std::uint64_t seed = 1; seed <= options.seeds; ++seed) {
    const Load load{.functions = mixedFunctions(),
                    .capacity = kCapacity,
                    .demand = what.demand,
                    .admissions = options.admissions,
                    .seed = seed,
                    .redraw_every = what.redraw_every,
                    .governed = what.governed};
    const Figures figures = simulate(load, BookingMode::riskOf(accepted));
    all.admissions += figures.admissions;
    all.exceeded += figures.exceeded;
    all.steps += figures.steps;
    all.exceeded_steps += figures.exceeded_steps;
    all.mean_admitted += figures.mean_admitted / static_cast<double>(options.seeds);
    all.worst_demand = std::max(all.worst_demand, figures.worst_demand);
    worst_frequency = std::max(worst_frequency, figures.frequency());
  }
  return {{"demand", what.name},
          {"promised", what.promised},
          {"risk", accepted},
          {"admissions", all.admissions},
          {"exceeded", all.exceeded},
          {"upper_bound_95", upperBound95(all.exceeded, all.admissions)},
          {"part_of_time", all.partOfTime()},
          {"worst_seed", worst_frequency},
          {"mean_admitted", all.mean_admitted},
          {"worst_demand", all.worst_demand}};
}

nlohmann::json concurrency(double peaks, const char* mode_name, BookingMode mode, const Options& options) {
  const Load load{.functions = paperFunctions(peaks), .capacity = kCapacity, .admissions = options.admissions};
  const Figures figures = simulate(load, mode);
  return {{"peaks", peaks},
          {"mode", mode_name},
          {"mean_admitted", figures.mean_admitted},
          {"mean_demand", figures.mean_demand},
          {"exceeded", figures.exceeded}};
}

int run(std::span<char* const> arguments) {
  Options options;
  const Flag flags[] = {
      {"--admissions", "N", "of each simulation", store(options.admissions, parseNumber<std::uint64_t>)},
      {"--seeds", "N", "simulations of each kind of demand", store(options.seeds, parseNumber<std::uint64_t>)},
  };
  if (auto parsed = parseFlags(arguments, flags); !parsed) {
    std::fprintf(stderr, "wasabi-overbooking: %s\n", parsed.error().message().c_str());
    return 2;
  }
  nlohmann::json report = {{"risk", nlohmann::json::array()}, {"concurrency", nlohmann::json::array()}};
  for (const Case& what : kCases) {
    for (const double accepted : {1e-2, 1e-3}) report["risk"].push_back(risk(what, accepted, options));
  }
  for (const double peaks : {1.0, 2.0, 3.0}) {
    report["concurrency"].push_back(concurrency(peaks, "declared", BookingMode::declared(), options));
    report["concurrency"].push_back(concurrency(peaks, "ratio 1.43", BookingMode::ratioOf(1.43), options));
    report["concurrency"].push_back(concurrency(peaks, "risk 1e-3", BookingMode::riskOf(1e-3), options));
  }
  std::printf("%s\n", report.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace wasabi::bench

int main(int argc, char** argv) {
  return wasabi::bench::run({argv + 1, static_cast<std::size_t>(argc - 1)});
}
