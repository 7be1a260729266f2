// What the admin listener asks of the box; see admin.h. Runs on the control loop.
#include <memory>
#include <numeric>
#include <utility>

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
  figures.memory = {ledger_.instances(), ledger_.other(), ledger_.waiting(), governor_.level()};
  figures.runnable = scheduler_.ready();
  figures.functions = functions_->catalog().functions().size();
  figures.catalog_problems = functions_->catalog().problems().size();
  figures.mappings = countMappings();
  figures.max_mappings = max_mappings_;
  figures.resident = anonymousResident();
  figures.readiness = readiness_;
  figures.capacity = live_.capacity;
  figures.max_invocations = config_.engine.max_invocations;
  return figures;
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

// The source tells of a change before it answers, so that whoever got the answer meets the new functions.
void Box::reload(UniqueFunction<void(Result<catalog::CatalogPtr>)> take) {
  log_.info("reload asked");
  source_->reload([this, take = std::move(take)](Result<catalog::CatalogPtr> catalog) mutable {
    control_.post([take = std::move(take), catalog = std::move(catalog)]() mutable { take(std::move(catalog)); });
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
  on_drain_asked_();
}

}  // namespace wasabi::box
