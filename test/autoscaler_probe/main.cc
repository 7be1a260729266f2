// autoscaler-probe TARGET BURST WINDOW READY: the autoscaler, with the time told to it.
//
//   record SECOND LOAD     a load that was there in that second
//   decide SECOND READY    answered by "REPLICAS MODE": how many there are to be from now on, and whether requests go
//                          straight to them (serve) or through who holds them (proxy)
#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>

#include "policy/autoscaler.h"
#include "policy/scale_control.h"

int main(int argc, char** argv) {
  using namespace wasabi;
  using namespace wasabi::policy;
  if (argc != 5) {
    std::cerr << "usage: autoscaler-probe TARGET BURST WINDOW READY\n";
    return 2;
  }
  const auto at = [](double seconds) {
    return TimePoint(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(10'000 + seconds)));
  };
  Autoscaler::Settings settings;
  settings.target = settings.total = std::stod(argv[1]);
  settings.target_burst_capacity = std::stod(argv[2]);
  settings.stable_window = std::chrono::seconds(std::stoi(argv[3]));
  const auto begin = static_cast<std::uint32_t>(std::stoul(argv[4]));
  if (auto fine = Autoscaler::check(settings); !fine) {
    std::cerr << fine.error().message() << '\n';
    return 2;
  }
  Autoscaler scaler(settings, begin, at(0));
  ScaleControl::Settings bounds;
  bounds.idle_period = bounds.grace = settings.stable_window;
  const auto activity = begin > 0 ? ScaleControl::Activity::kActive : ScaleControl::Activity::kInactive;
  ScaleControl control(bounds, {activity, at(0), true});
  std::uint32_t replicas = begin;
  std::string what;
  double second = 0;
  double number = 0;
  while (std::cin >> what >> second >> number) {
    if (what == "record") {
      scaler.record(at(second), number);
      continue;
    }
    const auto ready = static_cast<std::uint32_t>(number);
    const ScaleWish wish = scaler.decide(ready, at(second));
    const ScaleControl::Step step = control.apply(wish, ready, {}, at(second));
    replicas = step.replicas.value_or(replicas);
    const bool proxy = replicas == 0 || wish.excess_burst < 0;
    std::cout << replicas << (proxy ? " proxy" : " serve") << std::endl;
  }
  return 0;
}
