// The lines of the request log: a Go template (text/template), as far as Knative's documentation goes.
//
//   {{.Request.Method}}, .Request.RequestURI, .ContentLength (-1: unknown), .UserAgent, .RemoteAddr, .Referer, .Proto,
//   .Host, .URL, .URL.Path, .URL.RawQuery, .Request.Header.Get "Name"
//   {{.Response.Code}}, .Response.Size (bytes of the body), .Response.Latency (seconds)
//   {{.Revision.Name}}, .Namespace, .Service, .Configuration, .PodName, .PodIP
//   {{.TraceID}}, {{"text"}}
//   {{js X}}, {{X | js}}, {{html X}}, {{urlquery X}}, {{print X}}, {{- trim -}}, {{/* comment */}}
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "http/message.h"
#include "queueproxy/config.h"

namespace wasabi::queueproxy {

// What a line is made of; views are read before append() returns.
struct RequestLogInput {
  const http::RequestHead& request;
  std::string_view remote_address;  // "10.0.0.1:567"
  std::uint16_t status = 0;
  std::uint64_t response_bytes = 0;
  Duration latency{};
};

class RequestLogTemplate {
 public:
  static constexpr std::size_t kMostBytes = 64 * 1024;
  static constexpr std::size_t kMostParts = 1024;

  // kInvalid, with what cannot be done and where.
  static Result<RequestLogTemplate> compile(std::string_view text, const RevisionIdentity& revision);

  // One line, with its end.
  void append(const RequestLogInput& input, std::string& out) const;

  enum class Value : std::uint8_t {
    kText,  // as it stands
    kMethod,
    kRequestUri,
    kContentLength,
    kUserAgent,
    kRemoteAddress,
    kReferer,
    kProto,
    kHost,
    kUrlPath,
    kUrlQuery,
    kHeader,  // that `text` names
    kStatus,
    kSize,
    kLatency,
    kTraceId,
  };
  enum class Escape : std::uint8_t { kJs, kHtml, kUrlQuery };
  struct Part {
    Value value = Value::kText;
    std::string text;
    std::vector<Escape> escapes;  // in this order
  };

 private:
  std::vector<Part> parts_;
};

// As Knative's config-observability has it when nothing is set there.
extern const std::string_view kDefaultRequestLogTemplate;

}  // namespace wasabi::queueproxy
