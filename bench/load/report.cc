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

nlohmann::ordered_json latencies(const Histogram& histogram, Duration longest) {
  if (histogram.count() == 0) return nullptr;
  const auto quantile = [&](double fraction) {
    return std::min(static_cast<double>(histogram.quantile(fraction)) / 1e3, microseconds(longest));
  };
  return {{"mean", static_cast<double>(histogram.sum()) / static_cast<double>(histogram.count()) / 1e3},
          {"p50", quantile(0.5)},
          {"p90", quantile(0.9)},
          {"p99", quantile(0.99)},
          {"p999", quantile(0.999)},
          {"max", microseconds(longest)}};
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

nlohmann::ordered_json counts(const Tally& tally, double seconds) {
  const auto answered = static_cast<double>(tally.latencyNanoseconds().count());
  nlohmann::ordered_json json{{"requests", tally.total()},
                              {"ok", tally.count(Outcome::kOk)},
                              {"errors", errors(tally)},
                              {"seconds", seconds},
                              {"rps", answered / seconds},
                              {"latency_us", latencies(tally.latencyNanoseconds(), tally.longest())},
                              {"ok_latency_us", latencies(tally.okLatencyNanoseconds(), tally.longestOk())},
                              {"body_bytes", tally.bodyBytes()}};
  for (const auto& [status, count] : tally.statuses()) json["statuses"][std::to_string(status)] = count;
  for (const auto& [reason, count] : tally.reasons()) json["reasons"][reason] = count;
  if (!tally.firstError().empty()) json["first_error"] = tally.firstError();
  return json;
}

}  // namespace

std::string_view toString(Outcome outcome) {
  constexpr std::array<std::string_view, kOutcomes> kNames{"ok",     "wrong_status", "wrong_body", "timeout",
                                                           "closed", "reset",        "protocol",   "unsent"};
  return kNames[static_cast<std::size_t>(outcome)];
}

void Tally::record(const Exchange& exchange, Outcome outcome, Duration latency, Duration since_begin) {
  ++outcomes_[static_cast<std::size_t>(outcome)];
  body_bytes_ += exchange.body_bytes;
  if (exchange.status != 0) ++statuses_[exchange.status];
  if (outcome == Outcome::kWrongStatus) ++reasons_[exchange.reason.empty() ? "none" : exchange.reason];
  if (outcome != Outcome::kOk && first_error_.empty()) first_error_ = describe(exchange, outcome);
  if (outcome == Outcome::kOk || outcome == Outcome::kWrongStatus || outcome == Outcome::kWrongBody) {
    latency_.record(static_cast<std::uint64_t>(std::chrono::nanoseconds(latency).count()));
    longest_ = std::max(longest_, latency);
  }
  if (outcome == Outcome::kOk) {
    ok_latency_.record(static_cast<std::uint64_t>(std::chrono::nanoseconds(latency).count()));
    longest_ok_ = std::max(longest_ok_, latency);
    const auto interval = static_cast<std::size_t>(std::max(since_begin, Duration::zero()) / kInterval);
    if (ok_by_interval_.size() <= interval) ok_by_interval_.resize(interval + 1);
    ++ok_by_interval_[interval];
  }
}

std::uint64_t Tally::total() const {
  return std::accumulate(outcomes_.begin(), outcomes_.end(), std::uint64_t{0});
}

std::string toJson(const Report& report) {
  const Tally& tally = report.tally;
  const auto answered = static_cast<double>(tally.latencyNanoseconds().count());
  const double seconds = std::chrono::duration<double>(report.elapsed).count();
  nlohmann::ordered_json json = counts(tally, seconds);
  json["ok_by_interval"] = {{"seconds", std::chrono::duration<double>(Tally::kInterval).count()},
                            {"counts", tally.okByInterval()}};
  for (const FlowReport& flow : report.flows) {
    nlohmann::ordered_json one = counts(flow.tally, seconds);
    one["path"] = flow.path;
    one["rate"] = flow.rate;
    json["flows"].push_back(std::move(one));
  }
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
