#include "http/proxy_headers.h"

#include <algorithm>

#include "base/text.h"
#include "http/character_class.h"

namespace wasabi::http {
namespace {

// Passes every field that may go further to `add`.
template <typename Add>
void forEachEndToEnd(const Fields& fields, Add add) {
  const EndToEnd end_to_end(fields);
  for (const Fields::Field field : fields) {
    if (end_to_end.passes(field.name) && !isInternalField(field.name)) add(field);
  }
}

// One element of Forwarded (RFC 7239).
std::string forwardedElement(const ProxiedClient& client) {
  const auto host = hostOfPeer(client.address);
  std::string element = "for=";
  if (!host) {
    element += "unknown";
  } else if (host->find(':') != std::string_view::npos) {
    element.append("\"[").append(*host).append("]\"");
  } else {
    element += *host;
  }
  if (!client.authority.empty()) element += ";host=" + quotedUnlessToken(client.authority);
  return element.append(";proto=").append(client.scheme);
}

std::string_view protocolOf(Version version) {
  switch (version) {
    case Version::kHttp10:
      return "1.0";
    case Version::kHttp11:
      return "1.1";
    case Version::kHttp2:
      return "2";
  }
  return "1.1";
}

// What the hops before have said, to be added to.
struct EarlierHops {
  std::string forwarded_for;
  std::string forwarded;
  std::string via;
  bool host = false;
  bool proto = false;
};

void appendMember(std::string& list, std::string_view member) {
  if (!list.empty()) list += ", ";
  list += member;
}

// Whether the field tells of earlier hops. What is to be added to is taken from it; what stays as it is, is kept.
bool takeEarlier(Fields::Field field, bool trusted, EarlierHops& earlier, Fields& out) {
  if (field.name == "via") {
    appendMember(earlier.via, field.value);
    return true;
  }
  if (field.name == "forwarded") {
    if (trusted) appendMember(earlier.forwarded, field.value);
    return true;
  }
  if (!field.name.starts_with("x-forwarded-")) return false;
  if (field.name == "x-forwarded-for") {
    if (trusted) appendMember(earlier.forwarded_for, field.value);
    return true;
  }
  const bool is_host = field.name == "x-forwarded-host";
  const bool is_proto = field.name == "x-forwarded-proto";
  if (!is_host && !is_proto) return !trusted;
  if (!trusted) return true;
  out.add(field.name, field.value);
  (is_host ? earlier.host : earlier.proto) = true;
  return true;
}

}  // namespace

// A proxy of ours strips Connection where it parses, so there are few or none.
EndToEnd::EndToEnd(const Fields& fields) {
  for (const Fields::Field field : fields) {
    if (field.name != "connection") continue;
    forEachListMember(field.value, [&](std::string_view member) { named_.push_back(lowerCase(member)); });
  }
}

bool EndToEnd::passes(std::string_view lower_case_name) const {
  if (isHopByHop(lower_case_name)) return false;
  return lower_case_name == "content-length" || std::ranges::find(named_, lower_case_name) == named_.end();
}

std::optional<std::string_view> hostOfPeer(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host;
}

std::string quotedUnlessToken(std::string_view text) {
  if (isToken(text)) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::optional<std::string_view> onlyTraceparent(const Fields& received) {
  std::optional<std::string_view> found;
  for (const Fields::Field field : received) {
    if (field.name != "traceparent") continue;
    if (found) return std::nullopt;
    found = field.value;
  }
  return found && traceIdOf(*found) ? found : std::nullopt;
}

bool isInternalField(std::string_view lower_case_name) {
  return lower_case_name.starts_with("wasabi-") && lower_case_name != "wasabi-timeout";
}

std::string traceparentFor(const Fields& received, RequestIdSource& ids, std::string_view trace_id) {
  if (const auto only = onlyTraceparent(received)) return std::string(*only);
  const std::string trace = trace_id.empty() ? ids.next() : std::string(trace_id);
  // Half of an id may be all zero, which no span may be.
  std::string span = ids.next().substr(0, 16);
  if (span.find_first_not_of('0') == std::string::npos) span.back() = '1';
  return "00-" + trace + "-" + span + "-01";
}

void addProxiedRequestFields(const Fields& received, const ProxiedClient& client, std::string_view pseudonym,
                             std::string_view traceparent, Fields& out) {
  EarlierHops earlier;
  bool same_trace = false;
  forEachEndToEnd(received, [&](Fields::Field field) {
    if (field.name == "traceparent") {
      same_trace = field.value == traceparent;
    } else if (field.name != "proxy" && field.name != "tracestate" &&
               !takeEarlier(field, client.trusted, earlier, out)) {
      out.add(field.name, field.value);
    }
  });
  if (same_trace) {
    forEachEndToEnd(received, [&](Fields::Field field) {
      if (field.name == "tracestate") out.add(field.name, field.value);
    });
  }
  out.add("traceparent", traceparent);
  if (const auto host = hostOfPeer(client.address)) appendMember(earlier.forwarded_for, *host);
  if (!earlier.forwarded_for.empty()) out.add("x-forwarded-for", earlier.forwarded_for);
  if (!earlier.host && !client.authority.empty()) out.add("x-forwarded-host", client.authority);
  if (!earlier.proto) out.add("x-forwarded-proto", client.scheme);
  appendMember(earlier.forwarded, forwardedElement(client));
  out.add("forwarded", earlier.forwarded);
  appendMember(earlier.via, protocolOf(client.version));
  earlier.via.append(" ").append(pseudonym);
  out.add("via", earlier.via);
}

void addProxiedResponseFields(const Fields& received, Fields& out) {
  forEachEndToEnd(received, [&](Fields::Field field) { out.add(field.name, field.value); });
}

}  // namespace wasabi::http
