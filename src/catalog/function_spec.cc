#include "catalog/function_spec.h"

#include <algorithm>
#include <bit>

#include "base/text.h"
#include "catalog/digest.h"

namespace wasabi::catalog {
namespace {

// Feeds fields to a hash so that no two different sequences of fields look the same: every text and list is
// preceded by its size, and numbers have a fixed one.
class FieldHash {
 public:
  void add(std::uint64_t number) {
    std::array<char, 8> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(number >> (8 * i));
    hash_.update({bytes.data(), bytes.size()});
  }
  void add(std::string_view text) {
    add(std::uint64_t{text.size()});
    hash_.update(text);
  }
  Sha256Bytes finish() { return hash_.finish(); }

 private:
  Sha256 hash_;
};

void addLimits(FieldHash& fields, const FunctionLimits& limits) {
  fields.add(limits.memory.value);
  fields.add(std::bit_cast<std::uint64_t>(limits.cpu.value_or(0)));
  fields.add(static_cast<std::uint64_t>(limits.timeout.count()));
  fields.add(std::uint64_t{limits.concurrency});
  fields.add(std::uint64_t{limits.request_body.has_value()});
  fields.add(limits.request_body.value_or(ByteSize{}).value);
  fields.add(limits.response_body.value);
  fields.add(limits.log_per_second.value);
}

}  // namespace

std::string versionOf(const FunctionSpec& spec) {
  FieldHash fields;
  fields.add(std::string_view("wasabi function version 1"));
  fields.add(std::string_view(spec.module.toHex()));
  addLimits(fields, spec.limits);
  fields.add(std::uint64_t{spec.environment.size()});
  for (const auto& [name, value] : spec.environment) {
    fields.add(std::string_view(name));
    fields.add(std::string_view(value));
  }
  fields.add(std::uint64_t{spec.arguments.size()});
  for (const std::string& argument : spec.arguments) fields.add(std::string_view(argument));
  fields.add(static_cast<std::uint64_t>(spec.command_http));
  fields.add(std::string_view(spec.files_directory));
  fields.add(std::uint64_t{spec.outbound.size()});
  for (const OutboundHost& allowed : spec.outbound) {
    fields.add(std::string_view(allowed.host));
    fields.add(std::uint64_t{allowed.subdomains});
    fields.add(allowed.port ? std::uint64_t{*allowed.port} : 65536);
  }
  fields.add(std::uint64_t{spec.reuse});
  fields.add(std::uint64_t{spec.secrets.size()});
  for (const std::string& secret : spec.secrets) fields.add(std::string_view(secret));
  const Sha256Bytes digest = fields.finish();
  return toHex(digest.data(), 6);
}

std::optional<OutboundPeer> outboundPeer(std::string_view authority, bool tls) {
  constexpr std::uint16_t kHttp = 80;
  constexpr std::uint16_t kHttps = 443;
  const auto [host, port] = splitAuthority(authority);
  OutboundPeer peer{lowerCase(host), tls ? kHttps : kHttp};
  if (port.empty()) return peer;
  const auto named = parseDecimal<std::uint16_t>(port);
  if (!named) return std::nullopt;
  peer.port = *named;
  return peer;
}

bool FunctionSpec::mayCall(const OutboundPeer& peer) const {
  return std::any_of(outbound.begin(), outbound.end(),
                     [&](const OutboundHost& allowed) { return matches(allowed, peer.host, peer.port); });
}

bool matches(const OutboundHost& allowed, std::string_view lower_case_host, std::uint16_t port) {
  if (allowed.port ? port != *allowed.port : (port != 80 && port != 443)) return false;
  if (!allowed.subdomains) return lower_case_host == allowed.host;
  if (lower_case_host.size() <= allowed.host.size() + 1 || !lower_case_host.ends_with(allowed.host)) return false;
  return lower_case_host[lower_case_host.size() - allowed.host.size() - 1] == '.';
}

}  // namespace wasabi::catalog
