// The box: everything of a superpod's process, put together. See ARCHITECTURE.md for its threads.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/line_log.h"
#include "base/log.h"
#include "base/unique_function.h"
#include "box/accounts.h"
#include "box/admin.h"
#include "box/admission_desk.h"
#include "box/box_config.h"
#include "box/box_figures.h"
#include "box/history_keeper.h"
#include "box/lease_watch.h"
#include "box/lockdown.h"
#include "box/memory_ledger.h"
#include "box/metrics.h"
#include "box/program_cache.h"
#include "box/rebuilder.h"
#include "box/scheduler.h"
#include "box/ticker.h"
#include "box/worker.h"
#include "catalog/builder.h"
#include "catalog/catalog_source.h"
#include "catalog/module_store.h"
#include "policy/risk_governor.h"

namespace wasabi::box {

// What the admin listener asks of who owns the box. Called on the control thread; what it does must not block.
struct BoxEvents {
  // Of the configuration that was read again; none: it is in force (Box::reconfigure).
  using TakeProblems = UniqueFunction<void(std::vector<catalog::CatalogProblem>)>;

  UniqueFunction<void()> drain_asked;  // once: to do what is done on SIGTERM
  // To do what is done on SIGHUP, and then to call `take`, on any thread. Of a box that has a configuration file.
  UniqueFunction<void(TakeProblems take)> config_asked;
};

class Box final : private AdminSource {
 public:
  // Opens everything, locks the process in and serves. Call before any thread of the process exists. `log` outlives
  // the box.
  static Result<std::unique_ptr<Box>> start(BoxConfig config, Logger& log, BoxEvents events);
  // Cuts what still runs.
  ~Box() override;

  // Where it listens, with the ports the kernel chose.
  const std::vector<std::string>& addresses() const { return addresses_; }
  const std::string& adminAddress() const { return admin_address_; }

  // What can change while it runs, from now on. Thread-safe.
  void reconfigure(LiveConfig live);

  // Ready goes false, but requests are still taken: balancers get time to notice.
  void announceDrain();
  // Listeners close, what runs goes on.
  void drain();
  bool drained() const;

 private:
  struct Opened;  // what is opened before the process is locked in

  Box(BoxConfig config, Logger& log, Opened opened, EgressServices egress, std::unique_ptr<engine::Engine> engine,
      std::unique_ptr<catalog::ModuleStore> store);

  static Result<Opened> open(const BoxConfig& config);
  Result<void> openCatalog();
  void startThreads();
  void functionsChanged(catalog::CatalogPtr catalog);

  // AdminSource, on the control loop.
  void collect(UniqueFunction<void(const BoxFigures&)> take) override;
  catalog::CatalogPtr catalog() const override { return functions_->catalogPtr(); }
  void listInvocations(UniqueFunction<void(InvocationList)> take) override;
  Why why(const catalog::FunctionPtr& function, std::optional<Duration> patience) override;
  void reload(UniqueFunction<void(Result<Reloaded>)> take) override;
  void cancel(std::string request_id, UniqueFunction<void(std::size_t)> take) override;
  bool unload(const catalog::FunctionSpec& function) override;
  void askDrain() override;

  void reloadCatalog(std::vector<catalog::CatalogProblem> config_problems, UniqueFunction<void(Result<Reloaded>)> take);

  // Asks each worker by `ask`, which may run at once; `take` gets the answers of all, later, on the control loop.
  template <typename Answer>
  void askWorkers(UniqueFunction<void(Worker&, UniqueFunction<void(Answer)>)> ask,
                  UniqueFunction<void(std::vector<Answer>)> take);
  std::vector<HostedVersion> hosted();
  BoxFigures figures(std::vector<WorkerReport> reports);
  enum class Versions : std::uint8_t { kNew, kAsBefore };
  void applyPolicy(Versions versions);
  std::vector<policy::Admission::TenantTerms> tenantTerms() const;
  void collectNowAndThen();
  void rebuildForThisEngine();
  void rebuild(const catalog::FunctionPtr& function);

  // Histories, kept from one box to the next (box_history.cc).
  void keepHistories();
  void writeHistories();

  // Memory that gets short (box_memory.cc), on the control loop.
  void watchMemory();
  void boundWarmMemory();
  void growthWaits();
  void relieveMemory();
  void chooseVictim(std::uint64_t grants_before, std::vector<std::vector<policy::EvictionCandidate>> candidates);
  MemoryFigures memoryFigures() const;

  const BoxConfig config_;
  Logger& log_;
  std::vector<std::string> addresses_;
  std::string admin_address_;
  std::atomic<Readiness> readiness_{Readiness::kStarting};
  BoxEvents events_;
  LineLog access_log_;
  LineLog function_log_;

  Accounts accounts_;
  Scheduler scheduler_;
  AdmissionDesk desk_;
  MemoryLedger ledger_;
  // Wakes of guests' timers may reach the workers as long as the engine lives.
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<catalog::ModuleStore> store_;
  std::unique_ptr<catalog::BuilderClient> builder_;
  std::optional<Ticker> ticker_;
  std::optional<ProgramCache> programs_;

  // The control thread: catalog changes, metrics, the admin listener.
  http::EventLoop control_;
  FunctionTablePtr functions_;
  MetricsTotals totals_;
  Rebuilder rebuilder_;
  Admin admin_;
  LiveConfig live_;
  std::optional<http::Server> admin_server_;
  const std::uint64_t max_mappings_;  // read before the process is locked in
  http::Timer collect_timer_;
  policy::RiskGovernor governor_;
  std::uint64_t evictions_asked_ = 0;
  bool candidates_asked_ = false;  // for evictions, and not all answered
  http::Timer memory_timer_;
  http::Timer relief_timer_;
  HistoryKeeper histories_;
  std::uint64_t seen_when_written_ = 0;
  http::Timer history_timer_;
  bool stopping_ = false;
  std::thread control_thread_;
  std::optional<LeaseWatch> lease_watch_;
  std::unique_ptr<catalog::CatalogSource> source_;
};

}  // namespace wasabi::box
