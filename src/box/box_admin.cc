// What the admin listener asks of the box; see admin.h. Runs on the control loop.
#include <algorithm>
#include <memory>
#include <numeric>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "box/box.h"
#include "box/box_ask.h"
#include "box/process_figures.h"

namespace wasabi::box {

void Box::collect(UniqueFunction<void(const BoxFigures&)> take) {
  askWorkers<WorkerReport>(
      [](Worker& worker, UniqueFunction<void(WorkerReport)> answer) { worker.report(std::move(answer)); },
      [this, take = std::move(take)](std::vector<WorkerReport> reports) mutable {
        for (const WorkerReport& report : reports) totals_.merge(report.delta);
        take(figures(std::move(reports)));
      });
}

BoxFigures Box::figures(std::vector<WorkerReport> reports) {
  BoxFigures figures;
  figures.totals = &totals_;
  figures.workers = std::move(reports);
  figures.programs = programs_->figures();
  figures.pool = engine_->poolMetrics();
  figures.access_lines_dropped = access_log_.droppedLines();
  figures.function_lines_dropped = function_log_.droppedLines();
  figures.desk = desk_.figures(Clock::now());
  figures.memory = memoryFigures();
  figures.runnable = scheduler_.ready();
  figures.aside = scheduler_.aside();
  figures.functions = functions_->catalog().functions().size();
  figures.catalog_problems = functions_->catalog().problems().size();
  figures.mappings = countMappings();
  figures.max_mappings = max_mappings_;
  figures.readiness = readiness_;
  figures.capacity = live_.capacity;
  figures.max_invocations = config_.engine.max_invocations;
  if (config_.front == Front::kGateway) figures.hosted = hosted();
  return figures;
}

std::vector<HostedVersion> Box::hosted() {
  const std::vector<catalog::FunctionPtr>& versions = functions_->catalog().functions();
  std::vector<policy::FunctionId> accounts;
  accounts.reserve(versions.size());
  for (const catalog::FunctionPtr& version : versions) {
    accounts.push_back(functions_->find(*version)->load->account.function());
  }
  const std::vector<std::uint32_t> running = desk_.runningOf(accounts);
  std::vector<HostedVersion> hosted;
  for (std::size_t i = 0; i < versions.size(); ++i) {
    const bool loaded = programs_->has(versions[i]->module);
    if (running[i] > 0 || loaded) hosted.push_back({versions[i], running[i], loaded});
  }
  return hosted;
}

void Box::listInvocations(UniqueFunction<void(InvocationList)> take) {
  askWorkers<InvocationList>(
      [](Worker& worker, UniqueFunction<void(InvocationList)> answer) { worker.listInvocations(std::move(answer)); },
      [take = std::move(take)](std::vector<InvocationList> lists) mutable {
        InvocationList all;
        for (InvocationList& list : lists) all.merge(std::move(list));
        take(std::move(all));
      });
}

void Box::cancel(std::string request_id, UniqueFunction<void(std::size_t)> take) {
  log_.info("cancel asked", {{"request", request_id}});
  askWorkers<std::size_t>(
      [request_id = std::move(request_id)](Worker& worker, UniqueFunction<void(std::size_t)> answer) {
        worker.cancel(request_id, std::move(answer));
      },
      [take = std::move(take)](std::vector<std::size_t> ended) mutable {
        take(std::accumulate(ended.begin(), ended.end(), std::size_t{0}));
      });
}

Why Box::why(const catalog::FunctionPtr& function, std::optional<Duration> patience) {
  const Deployment* deployment = functions_->find(*function);
  WASABI_CHECK(deployment != nullptr);
  Why why;
  why.function = function;
  why.patience = std::min(patience.value_or(function->limits.timeout), function->limits.timeout);
  why.program_loaded = programs_->has(function->module);
  why.explained = desk_.explain(deployment->load->account.function(), why.patience, Clock::now());
  if (const auto& head = why.explained.policy.queue.blocked_head) {
    const catalog::FunctionPtr blocked = functions_->withAccount(head->waiter.function);
    why.blocked_head = blocked ? blocked->name.toString() : "a function that is deployed no more";
  }
  const auto names = accounts_.tenantNames();
  for (const auto& use : why.explained.policy.tenants) {
    // What ended meanwhile has no name any more, and holds nothing.
    const auto name = names.find(use.tenant.value);
    if (name != names.end()) why.tenants.push_back({name->second, use.running, use.limits, use.waiting});
  }
  std::sort(why.tenants.begin(), why.tenants.end(), [](const Why::Tenant& a, const Why::Tenant& b) {
    return std::tie(b.limits, b.waiting, a.name) < std::tie(a.limits, a.waiting, b.name);
  });
  return why;
}

// Whoever owns the box puts the configuration into force before it answers. In a box that ends nobody reads it any
// more.
void Box::reload(UniqueFunction<void(Result<Reloaded>)> take) {
  log_.info("reload asked");
  if (config_.config_file.empty() || readiness_ == Readiness::kDraining) return reloadCatalog({}, std::move(take));
  events_.config_asked([this, take = std::move(take)](std::vector<catalog::CatalogProblem> problems) mutable {
    control_.post([this, problems = std::move(problems), take = std::move(take)]() mutable {
      reloadCatalog(std::move(problems), std::move(take));
    });
  });
}

// The source tells of a change before it answers, so that whoever got the answer meets the new functions.
void Box::reloadCatalog(std::vector<catalog::CatalogProblem> config_problems,
                        UniqueFunction<void(Result<Reloaded>)> take) {
  source_->reload([this, problems = std::move(config_problems),
                   take = std::move(take)](Result<catalog::CatalogPtr> catalog) mutable {
    control_.post([problems = std::move(problems), take = std::move(take), catalog = std::move(catalog)]() mutable {
      if (!catalog) return take(fail(std::move(catalog.error())));
      take(Reloaded{std::move(*catalog), std::move(problems)});
    });
  });
}

bool Box::unload(const catalog::FunctionSpec& function) {
  log_.info("unload asked", {{"function", function.name.toString()}});
  for (auto& worker : workers_) worker->dropShelved(function.module);
  return programs_->unload(function.module);
}

void Box::askDrain() {
  if (readiness_.exchange(Readiness::kDraining) == Readiness::kDraining) return;
  log_.info("drain asked");
  events_.drain_asked();
}

}  // namespace wasabi::box
