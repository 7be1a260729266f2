#include "http/egress_call.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace wasabi::http {
namespace {

constexpr std::string_view kCall = "wasabi-egress";
constexpr std::string_view kFailure = "wasabi-egress-failure";
constexpr std::string_view kHops = "wasabi-hops";

struct FailureName {
  ClientFailure failure;
  std::string_view name;
};
constexpr std::array<FailureName, 10> kFailures = {{{ClientFailure::kRequest, "request"},
                                                    {ClientFailure::kDenied, "denied"},
                                                    {ClientFailure::kResolve, "resolve"},
                                                    {ClientFailure::kConnect, "connect"},
                                                    {ClientFailure::kTimeout, "timeout"},
                                                    {ClientFailure::kTls, "tls"},
                                                    {ClientFailure::kCertificate, "certificate"},
                                                    {ClientFailure::kProtocol, "protocol"},
                                                    {ClientFailure::kDisconnected, "disconnected"},
                                                    {ClientFailure::kLimit, "limit"}}};

// Times come from guests; nothing waits for longer than a day.
std::int64_t milliseconds(Duration time) {
  using std::chrono::milliseconds;
  return std::chrono::ceil<milliseconds>(std::clamp<Duration>(time, Duration::zero(), std::chrono::hours(24))).count();
}

bool isTraceId(std::string_view text) {
  constexpr std::size_t kDigits = 32;
  return text.size() == kDigits && std::all_of(text.begin(), text.end(), [](char c) { return hexValue(c) >= 0; });
}

// Takes `;name=value` from the front of `text`.
std::optional<std::string_view> takeParameter(std::string_view& text, std::string_view name) {
  if (!text.starts_with(';') || !text.substr(1).starts_with(name)) return std::nullopt;
  std::string_view rest = text.substr(1 + name.size());
  if (!rest.starts_with('=')) return std::nullopt;
  rest.remove_prefix(1);
  const std::string_view value = rest.substr(0, rest.find(';'));
  text = rest.substr(value.size());
  return value;
}

std::optional<std::uint32_t> takeNumber(std::string_view& text, std::string_view name) {
  const auto value = takeParameter(text, name);
  return value ? parseDecimal<std::uint32_t>(*value) : std::nullopt;
}

}  // namespace

void setEgressCall(const EgressCall& call, Fields& fields) {
  fields.set(kCall, fmt::format("{};tls={};connect_ms={};first_byte_ms={};between_bytes_ms={};hops={};trace={}",
                                call.caller.toString(), call.tls ? 1 : 0, milliseconds(call.connect_timeout),
                                milliseconds(call.first_byte_timeout), milliseconds(call.between_bytes_timeout),
                                call.hops, call.trace_id));
}

Result<EgressCall> egressCallOf(const Fields& fields) {
  const std::string_view text = fields.find(kCall).value_or("");
  std::string_view rest = text;
  const std::string_view name = rest.substr(0, rest.find(';'));
  rest.remove_prefix(name.size());
  auto caller = parseFunctionName(name, NameForm::kPlainOrNumbered);
  const auto tls = takeNumber(rest, "tls");
  const auto connect = takeNumber(rest, "connect_ms");
  const auto first_byte = takeNumber(rest, "first_byte_ms");
  const auto between_bytes = takeNumber(rest, "between_bytes_ms");
  const auto hops = takeNumber(rest, "hops");
  const auto trace = takeParameter(rest, "trace");
  if (!caller || !tls || *tls > 1 || !connect || !first_byte || !between_bytes || !hops || !trace ||
      !isTraceId(*trace) || !rest.empty()) {
    return fail(ErrorCode::kInvalid, fmt::format("Wasabi-Egress is '{}', not like \"acme/mashup@3;tls=0;...\"", text));
  }
  using std::chrono::milliseconds;
  return EgressCall{.caller = std::move(*caller),
                    .tls = *tls == 1,
                    .connect_timeout = milliseconds(*connect),
                    .first_byte_timeout = milliseconds(*first_byte),
                    .between_bytes_timeout = milliseconds(*between_bytes),
                    .hops = *hops,
                    .trace_id = std::string(*trace)};
}

std::string_view nameOf(ClientFailure failure) {
  return std::find_if(kFailures.begin(), kFailures.end(),
                      [&](const FailureName& one) { return one.failure == failure; })
      ->name;
}

void setEgressFailure(ClientFailure failure, Fields& fields) {
  fields.set(kFailure, nameOf(failure));
}

std::optional<ClientFailure> egressFailureOf(const Fields& fields) {
  const auto name = fields.find(kFailure);
  if (!name) return std::nullopt;
  const auto found =
      std::find_if(kFailures.begin(), kFailures.end(), [&](const FailureName& one) { return one.name == *name; });
  return found == kFailures.end() ? ClientFailure::kProtocol : found->failure;
}

void setHops(std::uint32_t hops, Fields& fields) {
  fields.set(kHops, fmt::format("{}", hops));
}

std::uint32_t hopsOf(const Fields& fields) {
  return parseDecimal<std::uint32_t>(fields.find(kHops).value_or("0")).value_or(0);
}

}  // namespace wasabi::http
