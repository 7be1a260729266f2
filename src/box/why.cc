#include "box/why.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "box/config_keys.h"

namespace wasabi::box {
namespace {

using nlohmann::ordered_json;
using Kind = AdmissionDesk::Answer::Kind;

constexpr std::size_t kTenantsListed = 100;

template <typename Value>
ordered_json orNull(const std::optional<Value>& value) {
  return value ? ordered_json(*value) : ordered_json();
}

ordered_json secondsOrNull(const std::optional<Duration>& duration) {
  return duration ? ordered_json(toSeconds(*duration)) : ordered_json();
}

// What the request gets as a client sees it.
void addAnswer(ordered_json& json, const Why& why) {
  const AdmissionDesk::Answer& answer = why.explained.answer;
  const bool overtakes = why.explained.policy.admitted_by_next;
  const bool runs = answer.kind == Kind::kRuns || overtakes;
  const bool refused = answer.kind == Kind::kRefused;
  json["answer"] = runs ? "runs" : refused ? "refused" : "waits";
  json["overtakes"] = overtakes;
  json["reason"] = answer.reason == Reason::kNone ? ordered_json() : ordered_json(toString(answer.reason));
  json["status"] = refused ? ordered_json(statusOf(answer.reason)) : ordered_json();
  json["retry_after_seconds"] = answer.retry_after ? ordered_json(answer.retry_after->count()) : ordered_json();
  json["obstacles"] = ordered_json::array();
  for (const policy::Judgement& obstacle : why.explained.policy.obstacles) {
    json["obstacles"].push_back(toString(reasonOfWait(obstacle.verdict)));
  }
}

ordered_json memoryOf(const policy::Admission::Explained& told) {
  ordered_json memory{{"mode", nameOf(told.mode.kind)},
                      {"capacity_bytes", told.capacity.value},
                      {"unbooked_bytes", told.unbooked.value},
                      {"bookable_bytes", told.memory.bookable.value},
                      {"booked_bytes", told.booked.value},
                      {"charge_bytes", told.memory.charge.value},
                      {"limit_bytes", told.terms.memory.value},
                      {"observations", told.observations},
                      {"estimate", nullptr}};
  if (const auto& estimate = told.estimate) {
    memory["estimate"] = {{"mean_bytes", estimate->mean.value},
                          {"deviation_bytes", estimate->deviation.value},
                          {"bound_bytes", estimate->bound.value}};
  }
  return memory;
}

ordered_json concurrencyOf(const policy::Admission::Explained& told) {
  return {{"function", {{"running", told.running}, {"most", told.terms.concurrency}}},
          {"tenant", {{"running", told.running_of_tenant}, {"most", orNull(told.tenant_concurrency)}}},
          {"box", {{"running", told.running_in_all}, {"most", told.most_running}}}};
}

// Of its tenant, this one included.
ordered_json shareOf(const policy::Admission::Explained& told) {
  return {{"memory",
           {{"held_bytes", told.memory.held.value},
            {"share_bytes", told.share_of_memory.share},
            {"kept_for_others_bytes", told.share_of_memory.kept}}},
          {"invocations",
           {{"running", std::uint64_t{told.running_of_tenant} + 1},
            {"share", told.share_of_places.share},
            {"kept_for_others", told.share_of_places.kept}}}};
}

ordered_json cpuOf(const Why& why) {
  const Scheduler::Outlook& slice = why.explained.first_slice;
  return {{"first_slice_seconds", toSeconds(slice.by_share)},
          {"backlog_bound_seconds", toSeconds(why.explained.cpu_backlog)},
          {"quota_cores", orNull(why.function->limits.cpu)},
          {"quota_refill_seconds", toSeconds(slice.by_quota)}};
}

ordered_json queueOf(const Why& why) {
  const policy::Explanation& told = why.explained.policy.queue;
  const policy::QueueBounds& bounds = why.explained.policy.bounds;
  ordered_json queue{
      {"ahead", told.ahead},
      {"expected_wait_seconds", secondsOrNull(told.expected_wait)},
      {"left_to_run_seconds", toSeconds(why.explained.policy.left_to_run)},
      {"waiting", {{"function", told.waiting_of_function}, {"tenant", told.waiting_of_tenant}, {"box", told.waiting}}},
      {"bounds", {{"function", bounds.function}, {"tenant", bounds.tenant}, {"box", bounds.total}}},
      {"blocked_head", nullptr}};
  if (const auto& head = told.blocked_head) {
    queue["blocked_head"] = {{"function", why.blocked_head},
                             {"reason", toString(reasonOfWait(head->waits_for))},
                             {"overtaken", head->overtaken},
                             {"may_be_overtaken", head->may_be_overtaken}};
  }
  return queue;
}

ordered_json tenantsOf(const std::vector<Why::Tenant>& tenants) {
  ordered_json listed = ordered_json::array();
  for (std::size_t i = 0; i < std::min(tenants.size(), kTenantsListed); ++i) {
    listed.push_back({{"tenant", tenants[i].name},
                      {"running", tenants[i].running},
                      {"limits_bytes", tenants[i].limits.value},
                      {"waiting", tenants[i].waiting}});
  }
  return listed;
}

}  // namespace

std::string whyJson(const Why& why) {
  ordered_json json{{"function", why.function->name.toString()},
                    {"version", why.function->version},
                    {"patience_seconds", toSeconds(why.patience)}};
  addAnswer(json, why);
  const WhyWords words = wordsOf(why);
  json["words"] = {{"answer", words.answer}, {"because", words.because}, {"to_run", words.to_run}};
  json["memory"] = memoryOf(why.explained.policy);
  json["concurrency"] = concurrencyOf(why.explained.policy);
  json["share"] = shareOf(why.explained.policy);
  json["cpu"] = cpuOf(why);
  json["queue"] = queueOf(why);
  json["program_loaded"] = why.program_loaded;
  json["tenants"] = tenantsOf(why.tenants);
  json["tenants_total"] = why.tenants.size();
  return json.dump() + "\n";
}

}  // namespace wasabi::box
