#include "queueproxy/forwarded_header.h"

#include <vector>

#include "base/text.h"
#include "http/proxy_headers.h"
#include "http/request_id.h"
#include "queueproxy/address_range.h"
#include "queueproxy/list_text.h"
#include "queueproxy/request_class.h"

namespace wasabi::queueproxy {
namespace {

constexpr std::string_view kForwardedFor = "x-forwarded-for";

std::string_view firstValue(const http::Fields& fields, std::string_view name) {
  return trim(fields.find(name).value_or(std::string_view()));
}

// An address of IPv6 has brackets in Forwarded, and none in X-Forwarded-For.
std::string nodeOf(std::string_view address) {
  const bool is_bare_v6 = address.find(':') != std::string_view::npos && !address.starts_with('[') &&
                          http::parseIpAddress(address).has_value();
  return is_bare_v6 ? "\"[" + std::string(address) + "]\"" : http::quotedUnlessToken(address);
}

void appendPair(std::string& element, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  if (!element.empty()) element += ';';
  element.append(name).append("=").append(value);
}

// Spoken between Knative's parts only.
bool isKnativesOwn(std::string_view name) {
  return name == kOriginalHostField || name == "knative-serving-revision" || name == "knative-serving-namespace";
}

// gRPC servers want to know that their client reads trailers. The server takes `TE` off as it speaks about the
// connection, so that it is told by the kind of content, too.
bool wantsTrailers(const http::Fields& received) {
  for (const std::string_view member : splitList(firstValue(received, "te"))) {
    if (lowerCase(member.substr(0, member.find(';'))) == "trailers") return true;
  }
  return firstValue(received, "content-type").starts_with("application/grpc");
}

// tracestate belongs to the trace that came with it.
bool isOtherTrace(const http::Fields& received, std::string_view traceparent) {
  return !traceparent.empty() &&
         http::traceIdOf(received.find("traceparent").value_or("")) != http::traceIdOf(traceparent);
}

}  // namespace

std::string forwardedFrom(const http::Fields& received) {
  if (!firstValue(received, "forwarded").empty()) return {};
  const std::vector<std::string_view> nodes = splitList(firstValue(received, kForwardedFor));
  std::string forwarded;
  if (!nodes.empty()) appendPair(forwarded, "for", nodeOf(nodes.front()));
  const std::string_view host = firstValue(received, "x-forwarded-host");
  const std::string_view proto = firstValue(received, "x-forwarded-proto");
  if (!host.empty()) appendPair(forwarded, "host", http::quotedUnlessToken(host));
  if (!proto.empty()) appendPair(forwarded, "proto", http::quotedUnlessToken(proto));
  for (std::size_t i = 1; i < nodes.size(); ++i) forwarded += ", for=" + nodeOf(nodes[i]);
  return forwarded;
}

std::string_view authorityForApp(const http::RequestHead& request) {
  const std::string_view original = firstValue(request.headers, kOriginalHostField);
  return original.empty() ? std::string_view(request.authority) : original;
}

void addFieldsForApp(const http::Fields& received, std::string_view peer_address, std::string_view traceparent,
                     http::Fields& out) {
  const std::string forwarded = forwardedFrom(received);
  const http::EndToEnd end_to_end(received);
  const bool other_trace = isOtherTrace(received, traceparent);
  const auto isReplaced = [&](std::string_view name) {
    if (name == "forwarded") return !forwarded.empty();  // it is there, but says nothing
    if (name == "tracestate") return other_trace;
    return name == "traceparent" && !traceparent.empty();
  };
  std::string forwarded_for;
  for (const http::Fields::Field field : received) {
    if (!end_to_end.passes(field.name) || isKnativesOwn(field.name)) continue;
    if (field.name == kForwardedFor) {
      if (!forwarded_for.empty()) forwarded_for += ", ";
      forwarded_for += field.value;
    } else if (!isReplaced(field.name)) {
      out.add(field.name, field.value);
    }
  }
  const std::string_view host = peerHost(peer_address);
  if (http::parseIpAddress(host)) {
    if (!forwarded_for.empty()) forwarded_for += ", ";
    forwarded_for += host;
  }
  if (!forwarded_for.empty()) out.add(kForwardedFor, forwarded_for);
  if (!forwarded.empty()) out.add("forwarded", forwarded);
  if (!traceparent.empty()) out.add("traceparent", traceparent);
  if (wantsTrailers(received)) out.add("te", "trailers");
}

}  // namespace wasabi::queueproxy
