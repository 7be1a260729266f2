#include "load/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

namespace wasabi::bench {
namespace {

constexpr std::size_t kShownBodyBytes = 200;

std::string describe(const Exchange& exchange, Outcome outcome) {
  std::string text(toString(outcome));
  text += " for " + exchange.request->path;
  if (exchange.status == 0) return text;
  return text + ": status " + std::to_string(exchange.status) + ", " + std::to_string(exchange.body_bytes) +
         " bytes: " + exchange.kept_body.substr(0, kShownBodyBytes);
}

double microseconds(Duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

nlohmann::ordered_json latencies(const Tally& tally) {
  const Histogram& histogram = tally.latencyNanoseconds();
  if (histogram.count() == 0) return nullptr;
  const auto quantile = [&](double fraction) {
    return std::min(static_cast<double>(histogram.quantile(fraction)) / 1e3, microseconds(tally.longest()));
  };
  return {{"mean", static_cast<double>(histogram.sum()) / static_cast<double>(histogram.count()) / 1e3},
          {"p50", quantile(0.5)},
          {"p90", quantile(0.9)},
          {"p99", quantile(0.99)},
          {"p999", quantile(0.999)},
          {"max", microseconds(tally.longest())}};
}

nlohmann::ordered_json errors(const Tally& tally) {
  nlohmann::ordered_json counts = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    const auto outcome = static_cast<Outcome>(i);
    if (outcome != Outcome::kOk && tally.count(outcome) > 0) {
      counts[std::string(toString(outcome))] = tally.count(outcome);
    }
  }
  return counts;
}

}  // namespace

std::string_view toString(Outcome outcome) {
  constexpr std::array<std::string_view, kOutcomes> kNames{"ok",     "wrong_status", "wrong_body", "timeout",
                                                           "closed", "reset",        "protocol",   "unsent"};
  return kNames[static_cast<std::size_t>(outcome)];
}

void Tally::record(const Exchange& exchange, Outcome outcome, Duration latency) {
  ++outcomes_[static_cast<std::size_t>(outcome)];
  body_bytes_ += exchange.body_bytes;
  if (exchange.status != 0) ++statuses_[exchange.status];
  if (outcome != Outcome::kOk && first_error_.empty()) first_error_ = describe(exchange, outcome);
  if (outcome == Outcome::kOk || outcome == Outcome::kWrongStatus || outcome == Outcome::kWrongBody) {
    latency_.record(static_cast<std::uint64_t>(std::chrono::nanoseconds(latency).count()));
    longest_ = std::max(longest_, latency);
  }
}

std::uint64_t Tally::total() const {
  return std::accumulate(outcomes_.begin(), outcomes_.end(), std::uint64_t{0});
}

std::string toJson(const Report& report) {
  const Tally& tally = report.tally;
  const auto answered = static_cast<double>(tally.latencyNanoseconds().count());
  const double seconds = std::chrono::duration<double>(report.elapsed).count();
  nlohmann::ordered_json json{{"requests", tally.total()},      {"ok", tally.count(Outcome::kOk)},
                              {"errors", errors(tally)},        {"seconds", seconds},
                              {"rps", answered / seconds},      {"latency_us", latencies(tally)},
                              {"body_bytes", tally.bodyBytes()}};
  for (const auto& [status, count] : tally.statuses()) json["statuses"][std::to_string(status)] = count;
  if (!tally.firstError().empty()) json["first_error"] = tally.firstError();
  if (answered > 0) {
    json["generator_cpu_us_per_request"] = microseconds(report.own_cpu) / answered;
    if (report.target_cpu) {
      json["target_cpu_seconds"] = std::chrono::duration<double>(*report.target_cpu).count();
      json["cpu_us_per_request"] = microseconds(*report.target_cpu) / answered;
    }
  }
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace wasabi::bench
