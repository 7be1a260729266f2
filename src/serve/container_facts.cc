#include "serve/container_facts.h"

#include <fmt/format.h>

#include <algorithm>

namespace wasabi::serve {
namespace {

using State = node::ContainerReplica::State;

std::string_view nameOf(State state) {
  switch (state) {
    case State::kStarting:
      return "starting";
    case State::kReady:
      return "ready";
    case State::kDraining:
      return "draining";
    case State::kGone:
      break;
  }
  return "gone";
}

std::size_t countOf(const node::PoolFigures& pool, State state) {
  return static_cast<std::size_t>(std::ranges::count(pool.containers, state, &node::PoolFigures::OfContainer::state));
}

std::string lastEndText(const node::PoolFigures& pool, TimePoint now) {
  const node::PoolFigures::End& end = *pool.last_end;
  return fmt::format("{:.0f} s ago a container {} ({} in a row)", toSeconds(now - end.when), end.why, end.in_a_row);
}

std::string useText(const node::PoolFigures& pool, const catalog::FunctionLimits& limits) {
  const ContainersUse use = useOf(pool);
  const std::string quota = limits.cpu ? fmt::format("{:.2f} each by limits.cpu", *limits.cpu) : "no limits.cpu";
  return fmt::format("they use {:.2f} cores ({}) and {} of memory, the largest {} at most ({} each by limits.memory)",
                     use.cores.value, quota, toString(use.memory), toString(use.largest_peak), toString(limits.memory));
}

}  // namespace

ContainersUse useOf(const node::PoolFigures& pool) {
  ContainersUse use;
  for (const node::PoolFigures::OfContainer& one : pool.containers) {
    use.cores.value += one.cores.value;
    use.memory = use.memory + one.memory;
    use.largest_peak = std::max(use.largest_peak, one.peak);
  }
  return use;
}

std::string_view stateOf(const node::PoolFigures& pool) {
  if (countOf(pool, State::kReady) > 0) return "serving";
  const bool loops = pool.last_end && pool.last_end->in_a_row >= policy::RestartBackoff::kLoop;
  if (loops) return "crash loop";
  if (countOf(pool, State::kStarting) > 0) return "starting";
  if (pool.lacks) return "no room";
  return pool.desired > 0 ? "starting" : "idle";
}

api::MachineStatus::OfContainers statusOf(const node::ContainerFleetFigures::OfVersion& version, TimePoint now) {
  const node::PoolFigures& pool = version.pool;
  api::MachineStatus::OfContainers told;
  told.version = version.version;
  told.image = "sha256:" + version.image.toHex();
  told.state = stateOf(pool);
  for (const node::PoolFigures::OfContainer& one : pool.containers) {
    told.replicas.push_back({one.name, std::string(nameOf(one.state)), toSeconds(now - one.since), one.pid, one.running,
                             one.cores.value, one.memory, one.peak});
  }
  told.desired = pool.desired;
  told.scale_reason = pool.scale_reason;
  told.scaled_by = policy::toString(pool.scaled_by);
  told.started = pool.started;
  told.died = pool.died;
  if (pool.last_end) {
    told.last_end = pool.last_end->why;
    told.last_end_seconds = toSeconds(now - pool.last_end->when);
    told.ends_in_a_row = pool.last_end->in_a_row;
  }
  return told;
}

ContainerWhy whyOf(const platform::Version& version, const std::optional<node::PoolFigures>& pool,
                   const policy::Dispatch::VersionFigures& desk, const node::ContainerFleetFigures& machine,
                   TimePoint now) {
  const std::string name = platform::VersionName{version.name(), version.number}.toString();
  const std::string_view state = pool ? stateOf(*pool) : "idle";
  const std::uint32_t each = version.spec->limits.concurrency;
  ContainerWhy why;
  if (state == "serving" && desk.running < desk.targets * each) {
    why.answer = fmt::format("a container of {} would take it now", name);
  } else if (state == "serving") {
    why.answer = fmt::format("it would wait: all containers of {} have as much as they take", name);
    why.to_run.push_back("one of their requests ends, or the autoscaler starts another container");
  } else if (state == "crash loop") {
    why.answer = fmt::format("it would be refused: containers of {} end again and again", name);
    const double seconds = std::max(0.0, toSeconds(pool->last_end->next_start - now));
    why.to_run.push_back(fmt::format("a container becomes ready; the next may be started in {:.1f} s", seconds));
  } else if (state == "no room") {
    why.answer = fmt::format("it would wait: there is no room for a container of {}", name);
    const bool of_tenant = pool->lacks == node::RoomLack::kTenant;
    why.to_run.push_back(
        fmt::format("{} get free {}", toString(version.spec->limits.memory),
                    of_tenant ? "of what the containers of its tenant may have (its memory quota)" : "on the machine"));
  } else if (state == "starting") {
    why.answer = fmt::format("it would wait for a container of {} that is being started", name);
    why.to_run.push_back(fmt::format("it becomes ready, within {}", toString(version.container->start_timeout)));
  } else {
    why.answer = fmt::format("no container of {} runs; a request has one started first", name);
  }
  if (pool) {
    why.because.push_back(fmt::format("containers: {} ready, {} starting, {} wanted ({}, by {}), {} requests each",
                                      countOf(*pool, State::kReady), countOf(*pool, State::kStarting), pool->desired,
                                      pool->scale_reason, policy::toString(pool->scaled_by), each));
    if (!pool->containers.empty()) why.because.push_back(useText(*pool, version.spec->limits));
    if (pool->last_end) why.because.push_back(lastEndText(*pool, now));
  }
  why.because.push_back(fmt::format("image: sha256:{}", version.image.toHex()));
  why.because.push_back(
      fmt::format("machine: {} of {} taken by what superpods and containers may have, {} for each of these",
                  toString(machine.taken), toString(machine.room), toString(version.spec->limits.memory)));
  why.because.push_back(
      fmt::format("gateway: {} run and {} wait, over {} containers", desk.running, desk.waiting, desk.targets));
  return why;
}

}  // namespace wasabi::serve
