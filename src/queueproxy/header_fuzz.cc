// Whatever the header of a request holds: what is passed on are valid fields, without those that have to stay here; a
// probe has an answer that can be written; and no client gains anything by what it says of itself.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "http/message.h"
#include "queueproxy/forwarded_header.h"
#include "queueproxy/request_class.h"
#include "queueproxy/trace_span.h"

namespace {

using namespace wasabi;
using namespace wasabi::queueproxy;

// Lines of "name: value", as far as they are valid: the server lets no others through.
http::Fields fieldsIn(std::string_view text) {
  http::Fields fields;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    if (http::isToken(line.substr(0, colon)) && http::isFieldValue(line.substr(colon + 1))) {
      fields.add(line.substr(0, colon), line.substr(colon + 1));
    }
  }
  return fields;
}

void checkFields(const http::Fields& fields) {
  for (const http::Fields::Field field : fields) {
    WASABI_CHECK(http::isToken(field.name) && http::isFieldValue(field.value));
  }
}

void checkForApp(const http::Fields& received, std::string_view traceparent) {
  http::Fields out;
  addFieldsForApp(received, "10.0.0.1:99", traceparent, out);
  checkFields(out);
  for (const http::Fields::Field field : out) {
    WASABI_CHECK(!http::isHopByHop(field.name) || field.name == "te");
    WASABI_CHECK(field.name != kOriginalHostField && field.name != "knative-serving-revision");
  }
  const auto forwarded_for = out.find("x-forwarded-for");
  WASABI_CHECK(forwarded_for && forwarded_for->ends_with("10.0.0.1"));
  if (!traceparent.empty()) WASABI_CHECK(out.find("traceparent") == traceparent);
}

void checkKinds(const http::Fields& fields) {
  const RequestClaims claims = claimsOf(fields);
  const RequestKind kind = kindOf(claims, {});
  WASABI_CHECK(isAnsweredHere(kind) || kind == RequestKind::kOrdinary);
  for (const bool draining : {false, true}) {
    if (!isAnsweredHere(kind)) break;
    const auto answer = immediateAnswer(kind, fields, draining);
    WASABI_CHECK(answer || (!draining && kind == RequestKind::kReadiness));
    if (!answer) continue;
    WASABI_CHECK(answer->status == 200 || answer->status == 400 || answer->status == 503);
    checkFields(answer->headers);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const http::Fields fields = fieldsIn({reinterpret_cast<const char*>(data), size});
  checkKinds(fields);
  checkForApp(fields, {});
  const auto parent = traceContextOf(fields);
  Tracer tracer(1, size);
  const TraceContext context = tracer.begin(parent);
  WASABI_CHECK(!parent || (context.trace == parent->trace && context.sampled == parent->sampled));
  http::Fields again;
  again.add("traceparent", traceparentOf(context));
  const auto read = traceContextOf(again);
  WASABI_CHECK(read && read->trace == context.trace && read->span == context.span);
  checkForApp(fields, traceparentOf(context));
  return 0;
}
