#include "serve/tenant_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace wasabi::serve {
namespace {

// Rounded to what a person reads.
std::string mib(ByteSize size) {
  const double units = static_cast<double>(size.value) / (1 << 20);
  return units >= 10 || size.value % (1 << 20) == 0 ? fmt::format("{:.0f} MiB", units)
                                                    : fmt::format("{:.2f} MiB", units);
}

std::string holdersText(const std::map<FunctionName, ByteSize>& held) {
  if (held.empty()) return "none of its functions holds any";
  std::vector<std::pair<FunctionName, ByteSize>> holders(held.begin(), held.end());
  std::ranges::sort(holders, [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  std::string text;
  for (std::size_t i = 0; i < std::min(holders.size(), kMostHoldersTold); ++i) {
    if (i > 0) text += ", ";
    text += fmt::format("{} {}", holders[i].first.toString(), mib(holders[i].second));
  }
  if (holders.size() > kMostHoldersTold) text += fmt::format(", {} others", holders.size() - kMostHoldersTold);
  return text;
}

std::string chargeText(const MemoryQuestion& question) {
  if (question.is_container) {
    return fmt::format("a container of {} counts with {} while a request runs on it", question.version.toString(),
                       mib(question.figures.booking));
  }
  const bool is_known = question.figures.booking < question.declared;
  return fmt::format("a request to {} counts with {}, {}", question.version.toString(), mib(question.figures.booking),
                     is_known ? "as its superpod last booked for one" : "as limits.memory says");
}

}  // namespace

std::vector<TenantMemory> tenantMemories(const node::VersionRegistry& registry, node::DispatchDesk& desk) {
  std::vector<TenantMemory> tenants;
  for (const auto& [name, number] : registry.tenants()) tenants.push_back({name, desk.tenantFigures(number)});
  return tenants;
}

api::MachineStatus::OfTenant statusOf(const TenantMemory& tenant) {
  return {tenant.name, tenant.figures.booked, tenant.figures.memory, tenant.figures.running, tenant.figures.waiting};
}

void writeMetrics(const std::vector<TenantMemory>& tenants, PrometheusText& text) {
  const auto family = [&](std::string_view name, std::string_view help, auto number) {
    text.family(name, "gauge", help);
    for (const TenantMemory& tenant : tenants) {
      if (const std::optional<std::uint64_t> value = number(tenant.figures)) {
        text.sample(name, fmt::format("tenant=\"{}\"", tenant.name), *value);
      }
    }
  };
  using Figures = policy::Dispatch::TenantFigures;
  using Value = std::optional<std::uint64_t>;
  family("wasabi_gateway_tenant_booked_bytes", "Memory that is booked for what runs of the tenant.",
         [](const Figures& figures) { return Value(figures.booked.value); });
  family("wasabi_gateway_tenant_memory_quota_bytes", "How much that may be, of those that have such a quota.",
         [](const Figures& figures) { return figures.memory ? Value(figures.memory->value) : std::nullopt; });
  family("wasabi_gateway_tenant_waiting", "Requests to the tenant's functions that wait.",
         [](const Figures& figures) { return Value(figures.waiting); });
}

MemoryWhy whyOf(const MemoryQuestion& question) {
  const policy::Dispatch::TenantFigures& tenant = question.tenant.figures;
  MemoryWhy why;
  if (!tenant.memory) return why;
  why.because.push_back(fmt::format("memory quota: {} of {}'s {} are held: {}", mib(tenant.booked),
                                    question.tenant.name, mib(*tenant.memory), holdersText(question.held)));
  why.because.push_back(chargeText(question));
  const std::string raise = fmt::format("wasabi tenant set {} --memory", question.tenant.name);
  if (question.outlook == policy::Verdict::kNever) {
    why.answer = fmt::format("it would be refused: {} may need {}, more than the {} of its tenant's memory quota",
                             question.version.toString(), mib(question.declared), mib(*tenant.memory));
    why.to_run.push_back(
        fmt::format("it is deployed with a smaller limits.memory, or the operator raises the quota ({})", raise));
  } else if (question.outlook == policy::Verdict::kTenantMemory) {
    const ByteSize needed = tenant.booked + question.figures.booking - *tenant.memory;
    why.answer = fmt::format("it would wait: its tenant's memory quota has no room for a request to {}",
                             question.version.toString());
    why.to_run.push_back(fmt::format("requests of {} end that hold {} together, or the operator raises the quota ({})",
                                     question.tenant.name, mib(needed), raise));
  }
  return why;
}

MemoryWhy memoryWhy(policy::VersionId number, const node::VersionRegistry& registry, node::DispatchDesk& desk,
                    TimePoint now) {
  const node::VersionRegistry::Known known = registry.find(number);
  if (!known.version) return {};
  const platform::Version& version = *known.version;
  MemoryQuestion question;
  question.version = {version.name(), version.number};
  question.declared = version.spec->limits.memory;
  question.is_container = version.isContainer();
  question.figures = desk.figures(number);
  question.outlook = desk.outlook(number, now);
  question.tenant = {version.name().tenant, desk.tenantFigures(known.tenant)};
  for (const auto& [one, name] : registry.versionsOf(known.tenant)) {
    const ByteSize booked = desk.figures(one).booked;
    if (booked.value == 0) continue;
    ByteSize& held = question.held[name];
    held = held + booked;
  }
  return whyOf(question);
}

}  // namespace wasabi::serve
