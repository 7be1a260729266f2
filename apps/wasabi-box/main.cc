// wasabi-box: the program inside a superpod.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/container_limits.h"
#include "base/log.h"
#include "base/signals.h"
#include "box/box.h"
#include "box/config_file.h"
#include "box/config_keys.h"
#include "options.h"

namespace {

using namespace wasabi;

// Lets balancers notice, then lets requests finish; a second signal cuts both short.
void drain(box::Box& box, const box::BoxConfig& config, const Signals& signals) {
  constexpr Duration kPoll = std::chrono::milliseconds(20);
  box.announceDrain();
  if (config.drain_delay > Duration::zero() && signals.waitFor(config.drain_delay)) return;
  box.drain();
  const TimePoint deadline = Clock::now() + config.drain_timeout;
  while (!box.drained() && Clock::now() < deadline) {
    if (signals.waitFor(kPoll)) return;
  }
}

void logProblems(const BadConfigFile& bad, Logger& log) {
  for (const catalog::TextProblem& problem : bad.problems) {
    log.error("configuration problem", {{"file", bad.file}, {"line", problem.line}, {"reason", problem.reason}});
  }
}

// "box.toml:3: what is wrong there"
std::string firstProblem(const BadConfigFile& bad) {
  const catalog::TextProblem& first = bad.problems.front();
  return bad.file + ':' + (first.line > 0 ? std::to_string(first.line) + ':' : "") + ' ' + first.reason;
}

void logCapacity(const box::BoxConfig& config, const ContainerLimits& limits, Logger& log) {
  log.info("capacity", {{"memory", toString(config.capacity.memory)},
                        {"cpu", toString(Cores{config.capacity.cpu})},
                        {"mode", nameOf(config.booking.kind)},
                        {"default_limit", toString(config.function_defaults.memory)},
                        {"container_memory", toString(limits.memory)},
                        {"container_memory_from", toString(limits.memory_from)},
                        {"container_cpu", toString(limits.cpu)},
                        {"container_cpu_from", toString(limits.cpu_from)}});
  if (config.capacity.memory > limits.memory) {
    log.warn("the capacity is more memory than the container may use: the kernel ends the box where functions need it",
             {{"capacity", toString(config.capacity.memory)}, {"container", toString(limits.memory)}});
  }
  if (config.function_defaults.memory > config.capacity.memory) {
    log.warn(
        "the default limit of functions is more memory than the capacity: lower memory.default_limit",
        {{"default_limit", toString(config.function_defaults.memory)}, {"capacity", toString(config.capacity.memory)}});
  }
}

// Until there is what a companion makes. False if it is time to end instead.
bool awaitCompanion(const ProgramConfig& config, const Signals& signals, Logger& log) {
  constexpr Duration kPoll = std::chrono::milliseconds(20);
  const TimePoint deadline = Clock::now() + config.await_companion;
  const auto is_there = [](const std::string& path) {
    std::error_code ignored;
    return std::filesystem::exists(path, ignored);
  };
  const auto all_there = [&] { return is_there(config.catalog_directory) && is_there(config.verify_key_file); };
  if (config.await_companion == Duration::zero() || all_there()) return true;
  log.info("waiting for a companion", {{"catalog", config.catalog_directory}, {"key", config.verify_key_file}});
  while (!all_there() && Clock::now() < deadline) {
    if (signals.waitFor(kPoll)) return false;
  }
  // Who starts now says what is missing.
  return true;
}

using Problems = std::vector<catalog::CatalogProblem>;

// Those who asked at the admin listener for the configuration to be read again, until main does.
class ReloadsAsked {
 public:
  using Take = box::BoxEvents::TakeProblems;

  // From any thread.
  void add(Take take) {
    const std::scoped_lock lock(mutex_);
    asked_.push_back(std::move(take));
  }
  std::vector<Take> takeAll() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(asked_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<Take> asked_;
};

Problems notReloaded(const BadConfigFile& bad, Logger& log) {
  logProblems(bad, log);
  log.error("configuration not reloaded, the one before stays in force", {{"reason", firstProblem(bad)}});
  Problems problems;
  for (const catalog::TextProblem& problem : bad.problems) problems.push_back({bad.file, problem.line, problem.reason});
  return problems;
}

// A gateway asks before each version that it hosts: where nothing has changed, nothing is said or done, and a text that
// is in force already is not taken apart again, for which a request may be waiting.
enum class Asked : std::uint8_t { kBySignal, kAtAdminListener };

// Puts into force what can change while the box runs; `config` is what is in force. What is wrong with the file.
Problems reload(int argc, char** argv, const ContainerLimits& limits, box::Box& box, box::BoxConfig& config, Asked how,
                Logger& log) {
  if (how == Asked::kAtAdminListener && box::isConfigFileUnchanged(config)) return {};
  auto options = parseOptions(argc, argv, limits);
  if (const auto* bad = std::get_if<BadConfigFile>(&options)) return notReloaded(*bad, log);
  const auto* next = std::get_if<ProgramConfig>(&options);
  if (next == nullptr) return notReloaded({config.config_file, {{0, "it is not complete; see standard error"}}}, log);
  const box::ConfigChanges changes = changesBetween(config, *next);
  config.config_text = next->config_text;
  if (how == Asked::kAtAdminListener && changes.live.empty()) return {};
  for (const std::string& change : changes.live) log.info("configuration changed", {{"change", change}});
  for (const std::string& change : changes.need_restart) {
    log.warn("configuration change needs a restart", {{"change", change}});
  }
  const bool is_other_room = config.capacity != next->capacity || config.booking != next->booking;
  static_cast<box::LiveConfig&>(config) = *next;
  box.reconfigure(*next);
  log.info("configuration reloaded", {{"changed", changes.live.size()}, {"need_restart", changes.need_restart.size()}});
  if (is_other_room) logCapacity(config, limits, log);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  // Out of reach once the box is locked in.
  const ContainerLimits limits = readContainerLimits();
  auto options = parseOptions(argc, argv, limits);
  if (const auto* exit_code = std::get_if<ExitCode>(&options)) return exit_code->value;
  Logger log(Logger::standardError());
  if (const auto* bad = std::get_if<BadConfigFile>(&options)) {
    logProblems(*bad, log);
    log.error("cannot start", {{"reason", firstProblem(*bad)}});
    return 1;
  }
  const ProgramConfig program = std::get<ProgramConfig>(std::move(options));
  box::BoxConfig config = program;

  const Signals signals(!config.config_file.empty() ? Signals::Reload::kTaken : Signals::Reload::kIgnoredByDefault);
  if (!signals.valid()) {
    log.error("cannot start", {{"reason", "no file descriptor is left to wait for signals"}});
    return 1;
  }
  if (!awaitCompanion(program, signals, log)) {
    log.info("stopped");
    return 0;
  }
  ReloadsAsked asked;
  auto box = box::Box::start(config, log,
                             {[&signals] { signals.askToEnd(); },
                              [&](ReloadsAsked::Take take) {
                                asked.add(std::move(take));
                                signals.askToReload();
                              }});
  if (!box) {
    log.error("cannot start", {{"reason", box.error().message()}});
    return 1;
  }
  logCapacity(config, limits, log);
  for (const std::string& address : (*box)->addresses()) log.info("listening", {{"address", address}});
  if (!(*box)->adminAddress().empty()) log.info("admin", {{"address", (*box)->adminAddress()}});
  while (signals.wait() == Signals::Wanted::kReload) {
    // Who asks while it is read is not answered by what may have been read before.
    std::vector<ReloadsAsked::Take> waiting = asked.takeAll();
    const Asked how = waiting.empty() ? Asked::kBySignal : Asked::kAtAdminListener;
    const Problems problems = reload(argc, argv, limits, **box, config, how, log);
    for (ReloadsAsked::Take& take : waiting) take(problems);
  }
  log.info("draining");
  drain(**box, config, signals);
  box->reset();
  log.info("stopped");
  return 0;
}
