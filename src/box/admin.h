// The admin listener: what the box tells about itself, and what it can be told to do. Never the public one.
//
//   GET  /-/             the list of these, as text
//   GET  /-/healthz
//   GET  /-/metrics      Prometheus text
//   GET  /-/load         cumulative load for whoever scales (design section 14)
//   GET  /-/functions    the functions deployed and the manifests refused
//   GET  /-/invocations  what runs now, the oldest first
//   GET  /-/why          ?function=TENANT/NAME: what a request of it would meet now, and why
//   POST /-/reload       reads the configuration, as on SIGHUP, and then the catalog
//   POST /-/cancel       ?request=ID: ends the invocations of that request
//   POST /-/unload       ?function=TENANT/NAME: lets go of its program
//   POST /-/drain        as SIGTERM
//
// Answers are JSON where nothing else is said. What needs other threads is asked by posts and answered within a bounded
// time, by 503 if need be. Lives on the control thread's loop.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_function.h"
#include "box/box_figures.h"
#include "box/invocation_list.h"
#include "box/why.h"
#include "catalog/catalog.h"
#include "http/event_loop.h"
#include "http/server.h"

namespace wasabi::box {

// What was read anew.
struct Reloaded {
  catalog::CatalogPtr catalog;
  // Of the configuration; the one before stays in force then.
  std::vector<catalog::CatalogProblem> config_problems;
};

// Where the admin listener gets its answers from, and who does what it is told. `take` runs on the control loop, later.
class AdminSource {
 public:
  virtual ~AdminSource() = default;
  virtual catalog::CatalogPtr catalog() const = 0;
  // The figures are valid during the call.
  virtual void collect(UniqueFunction<void(const BoxFigures&)> take) = 0;
  virtual void listInvocations(UniqueFunction<void(InvocationList)> take) = 0;
  // `patience`: how long the request would wait for its answer; without it, as long as its function may take.
  virtual Why why(const catalog::FunctionPtr& function, std::optional<Duration> patience) = 0;
  // Reads configuration and catalog; an error when the directory of the catalog cannot be read.
  virtual void reload(UniqueFunction<void(Result<Reloaded>)> take) = 0;
  // `take` gets how many invocations were ended.
  virtual void cancel(std::string request_id, UniqueFunction<void(std::size_t)> take) = 0;
  // Whether the program was loaded.
  virtual bool unload(const catalog::FunctionSpec& function) = 0;
  // Once or often.
  virtual void askDrain() = 0;
};

class Admin final : public http::RequestHandler {
 public:
  static constexpr Duration kPatience = std::chrono::seconds(10);

  // `patience` is how long workers and the catalog have for their part of an answer.
  Admin(AdminSource& source, http::EventLoop& loop, Duration patience = kPatience)
      : source_(source), loop_(loop), patience_(patience) {}

 private:
  class PendingAnswer;
  struct Endpoint;
  static std::span<const Endpoint> endpoints();

  void onRequest(http::ServerStream& stream) override;
  std::shared_ptr<PendingAnswer> later(http::ServerStream& stream);

  void index(http::ServerStream& stream);
  void health(http::ServerStream& stream);
  void metrics(http::ServerStream& stream);
  void load(http::ServerStream& stream);
  void functions(http::ServerStream& stream);
  void invocations(http::ServerStream& stream);
  void why(http::ServerStream& stream);
  void reload(http::ServerStream& stream);
  void cancel(http::ServerStream& stream);
  void unload(http::ServerStream& stream);
  void drain(http::ServerStream& stream);

  AdminSource& source_;
  http::EventLoop& loop_;
  const Duration patience_;
};

}  // namespace wasabi::box
