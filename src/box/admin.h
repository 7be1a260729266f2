// The admin listener: metrics, load, and what the catalog holds. Never the public one.
//
//   GET /-/metrics    Prometheus text
//   GET /-/load       cumulative load for whoever scales (design section 14), as JSON
//   GET /-/functions  the functions deployed and the manifests refused, as JSON
//   GET /-/healthz
//
// Lives on the control thread's loop.
#pragma once

#include <string>

#include "base/unique_function.h"
#include "box/box_figures.h"
#include "catalog/catalog.h"
#include "http/server.h"

namespace wasabi::box {

// Where the admin listener gets its answers from.
class AdminSource {
 public:
  virtual ~AdminSource() = default;
  // Asks all workers; `take` runs on the control loop, later. The figures are valid during the call.
  virtual void collect(UniqueFunction<void(const BoxFigures&)> take) = 0;
  virtual catalog::CatalogPtr catalog() const = 0;
};

class Admin final : public http::RequestHandler {
 public:
  explicit Admin(AdminSource& source) : source_(source) {}

 private:
  void onRequest(http::ServerStream& stream) override;

  AdminSource& source_;
};

// The answers, as text.
std::string loadJson(const BoxFigures& figures);
std::string functionsJson(const catalog::Catalog& catalog);

}  // namespace wasabi::box
