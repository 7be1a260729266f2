#include "box/admin.h"

#include <nlohmann/json.hpp>

#include <memory>
#include <utility>

#include "box/prometheus.h"

namespace wasabi::box {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kPrometheus = "text/plain; version=0.0.4; charset=utf-8";
// The default memory unit (design section 2).
constexpr double kMemoryUnitBytes = 200.0 * 1024 * 1024;

void answer(http::ServerStream& stream, std::uint16_t status, std::string_view type, std::string_view body) {
  http::ResponseHead head;
  head.status = status;
  head.headers.add("content-type", type);
  stream.sendHead(head, body.size());
  stream.send(std::as_bytes(std::span(body.data(), body.size())));
  stream.finish({});
}

// A request that waits for the workers' figures. The client may go before they come.
class PendingAnswer final : public http::StreamObserver, public std::enable_shared_from_this<PendingAnswer> {
 public:
  explicit PendingAnswer(http::ServerStream& stream) : stream_(&stream) {}

  void begin() {
    self_ = shared_from_this();
    stream_->attach(*this);
  }
  void give(std::string_view type, std::string_view body) {
    if (stream_) answer(*stream_, 200, type, body);
  }

 private:
  void onBody(std::span<const std::byte>) override {}
  void onBodyEnd(const http::Fields&) override {}
  void onWritable() override {}
  void onClosed(http::CloseReason) override {
    stream_ = nullptr;
    std::exchange(self_, nullptr).reset();
  }

  http::ServerStream* stream_;
  std::shared_ptr<PendingAnswer> self_;  // as long as the stream may call
};

}  // namespace

void Admin::onRequest(http::ServerStream& stream) {
  const http::RequestHead& request = stream.request();
  const std::string_view path = request.path();
  if (request.method != "GET" && request.method != "HEAD") return answer(stream, 405, kText, "only GET\n");
  if (path == "/-/healthz") return answer(stream, 200, kText, "ok\n");
  if (path == "/-/functions") return answer(stream, 200, kJson, functionsJson(*source_.catalog()));
  if (path != "/-/metrics" && path != "/-/load") {
    return answer(stream, 404, kText, "there are /-/metrics, /-/load, /-/functions and /-/healthz\n");
  }
  const bool metrics = path == "/-/metrics";
  auto pending = std::make_shared<PendingAnswer>(stream);
  pending->begin();
  source_.collect([pending, metrics](const BoxFigures& figures) {
    pending->give(metrics ? kPrometheus : kJson, metrics ? prometheusText(figures) : loadJson(figures));
  });
}

std::string loadJson(const BoxFigures& figures) {
  double booked_area = 0;
  double waiting_area = 0;
  double booked = 0;
  double waiting = 0;
  double cpu = 0;
  std::uint64_t live = 0;
  std::uint64_t started = 0;
  for (const WorkerReport& worker : figures.workers) {
    const InvocationGauges& gauges = worker.gauges;
    booked_area += gauges.booked_bytes.area();
    waiting_area += gauges.waiting_bytes.area();
    booked += static_cast<double>(gauges.booked_bytes.level());
    waiting += static_cast<double>(gauges.waiting_bytes.level());
    cpu += std::chrono::duration<double>(gauges.cpu).count();
    started += gauges.started;
    for (std::size_t i = 0; i < static_cast<std::size_t>(InvocationState::kEnded); ++i) live += gauges.by_state[i];
  }
  const ordered_json load = {
      {"booked_unit_seconds", booked_area / kMemoryUnitBytes},
      {"waiting_unit_seconds", waiting_area / kMemoryUnitBytes},
      {"cpu_seconds", cpu},
      {"requests", started},
      {"booked_units", booked / kMemoryUnitBytes},
      {"waiting_units", waiting / kMemoryUnitBytes},
      {"invocations", live},
      {"max_invocations", figures.max_invocations},
      {"programs_loaded", figures.programs.loaded},
      {"ready", figures.readiness == Readiness::kReady},
  };
  return load.dump() + "\n";
}

std::string functionsJson(const catalog::Catalog& catalog) {
  ordered_json functions = ordered_json::array();
  for (const catalog::FunctionPtr& function : catalog.functions()) {
    functions.push_back({{"name", function->name.toString()},
                         {"version", function->version},
                         {"module", function->module.toHex()},
                         {"manifest", function->manifest_file}});
  }
  ordered_json problems = ordered_json::array();
  for (const catalog::CatalogProblem& problem : catalog.problems()) {
    problems.push_back({{"file", problem.file}, {"line", problem.line}, {"reason", problem.reason}});
  }
  const ordered_json all = {{"functions", std::move(functions)}, {"problems", std::move(problems)}};
  return all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace wasabi::box
