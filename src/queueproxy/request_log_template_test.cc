#include "queueproxy/request_log_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "queueproxy/go_escapes.h"

namespace wasabi::queueproxy {
namespace {

using testing::HasSubstr;

const RevisionIdentity kRevision{"ns", "svc", "cfg", "rev", "pod", "10.0.0.7"};

http::RequestHead request() {
  http::RequestHead head;
  head.method = "POST";
  head.target = "/a/b?c=\"d\"";
  head.authority = "www.example.com";
  head.content_length = 12;
  head.headers.add("User-Agent", "curl/8 <x>");
  head.headers.add("Referer", "http://r/");
  head.headers.add("X-Id", "it's");
  head.headers.add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  return head;
}

std::string line(std::string_view text, const http::RequestHead& head = request()) {
  const auto compiled = RequestLogTemplate::compile(text, kRevision);
  if (!compiled) return "refused: " + compiled.error().message();
  std::string out;
  compiled->append({head, "1.2.3.4:5", 201, 34, std::chrono::microseconds(1500)}, out);
  return out;
}

TEST(RequestLogTemplateTest, EachValueIsWritten) {
  const std::pair<const char*, const char*> rows[] = {
      {"{{.Request.Method}}", "POST\n"},
      {"{{.Request.RequestURI}}", "/a/b?c=\"d\"\n"},
      {"{{.Request.URL}}", "/a/b?c=\"d\"\n"},
      {"{{.Request.URL.Path}}", "/a/b\n"},
      {"{{.Request.URL.RawQuery}}", "c=\"d\"\n"},
      {"{{.Request.Host}}", "www.example.com\n"},
      {"{{.Request.ContentLength}}", "12\n"},
      {"{{.Request.UserAgent}}", "curl/8 <x>\n"},
      {"{{.Request.RemoteAddr}}", "1.2.3.4:5\n"},
      {"{{.Request.Referer}}", "http://r/\n"},
      {"{{.Request.Proto}}", "HTTP/1.1\n"},
      {"{{.Request.Header.Get \"X-ID\"}}", "it's\n"},
      {"{{.Request.Header.Get `missing`}}", "\n"},
      {"{{.Response.Code}}", "201\n"},
      {"{{.Response.Size}}", "34\n"},
      {"{{.Response.Latency}}", "0.0015\n"},
      {"{{.Revision.Name}} {{.Revision.Namespace}} {{.Revision.Service}}", "rev ns svc\n"},
      {"{{.Revision.Configuration}} {{.Revision.PodName}} {{.Revision.PodIP}}", "cfg pod 10.0.0.7\n"},
      {"{{.TraceID}}", "0af7651916cd43dd8448eb211c80319c\n"},
      {"{{\"a}}\\\"b\"}}", "a}}\"b\n"},
      {"plain", "plain\n"},
      {"ends\n", "ends\n"},
      {"", "\n"}};
  for (const auto& [text, wanted] : rows) EXPECT_EQ(line(text), wanted) << text;
}

TEST(RequestLogTemplateTest, FunctionsAndPipelines) {
  const std::pair<const char*, const char*> rows[] = {
      {"{{js .Request.UserAgent}}", "curl/8 \\u003Cx\\u003E\n"},
      {"{{.Request.UserAgent | js}}", "curl/8 \\u003Cx\\u003E\n"},
      {"{{ .Request.UserAgent|js }}", "curl/8 \\u003Cx\\u003E\n"},
      {"{{js (.Request.Header.Get \"X-Id\")}}", "it\\'s\n"},
      {"{{.Request.Header.Get \"X-Id\" | js}}", "it\\'s\n"},
      {"{{html .Request.UserAgent}}", "curl/8 &lt;x&gt;\n"},
      {"{{urlquery .Request.RequestURI}}", "%2Fa%2Fb%3Fc%3D%22d%22\n"},
      {"{{print .Request.Method}}", "POST\n"},
      {"{{.Request.UserAgent | html | js}}", "curl/8 \\u0026lt;x\\u0026gt;\n"},
      {"{{js .Revision.Name}}", "rev\n"},
      {"{{js \"<\"}}", "\\u003C\n"}};
  for (const auto& [text, wanted] : rows) EXPECT_EQ(line(text), wanted) << text;
}

TEST(RequestLogTemplateTest, MarkersTrimAndCommentsSayNothing) {
  EXPECT_EQ(line("a \n {{- .Request.Method -}} \n b"), "aPOSTb\n");
  EXPECT_EQ(line("a {{/* what }} */}}b"),
            "refused: byte 2: '{{/* what}}' is not among what a request log's template may "
            "hold here (fields of .Request, .Response and .Revision, .Request.Header.Get, "
            ".TraceID, js, html, urlquery)");
  EXPECT_EQ(line("a {{/* what */}}b {{- /* x */ -}} c"), "a bc\n");
}

TEST(RequestLogTemplateTest, WhatIsNotInARequestIsEmptyOrUnknown) {
  http::RequestHead bare;
  bare.version = http::Version::kHttp2;
  EXPECT_EQ(line("{{.Request.ContentLength}} [{{.Request.UserAgent}}] [{{.TraceID}}] {{.Request.Proto}}", bare),
            "-1 [] [] HTTP/2.0\n");
  bare.headers.add("X-B3-TraceId", "80f198ee56343ba8");
  EXPECT_EQ(line("{{.TraceID}}", bare), "80f198ee56343ba8\n");
}

TEST(RequestLogTemplateTest, WhatCannotBeDoneIsRefusedAndNamed) {
  for (const char* bad : {"{{",
                          "{{.Request.Method",
                          "{{}}",
                          "{{.}}",
                          "{{.Request}}",
                          "{{.Request.Body}}",
                          "{{if .Request.Method}}x{{end}}",
                          "{{range .Request.Header}}{{end}}",
                          "{{$x := 1}}",
                          "{{printf \"%s\" .Request.Method}}",
                          "{{len .Request.Method}}",
                          "{{.Request.Header.Get}}",
                          "{{.Request.Header.Get X}}",
                          "{{.Request.Header.Get \"a b\"}}",
                          "{{js}}",
                          "{{js .Request.Method .Request.Host}}",
                          "{{.Request.Method |}}",
                          "{{.Request.Method | }}",
                          "{{.Request.Method | nope}}",
                          "{{| js}}",
                          "{{js (.Request.Method}}",
                          "{{(.Request.Method) x}}",
                          "{{\"open}}"}) {
    const auto compiled = RequestLogTemplate::compile(bad, kRevision);
    ASSERT_FALSE(compiled) << bad;
    EXPECT_THAT(compiled.error().message(), HasSubstr("byte 0")) << bad;
  }
  EXPECT_THAT(RequestLogTemplate::compile("abc{{.Nope}}", kRevision).error().message(),
              HasSubstr("byte 3: '{{.Nope}}'"));
}

TEST(RequestLogTemplateTest, SizesHaveLimits) {
  EXPECT_FALSE(RequestLogTemplate::compile(std::string(RequestLogTemplate::kMostBytes + 1, 'x'), kRevision));
  std::string many;
  for (std::size_t i = 0; i < RequestLogTemplate::kMostParts; ++i) many += "{{.TraceID}}";
  EXPECT_TRUE(RequestLogTemplate::compile(many, kRevision));
  EXPECT_FALSE(RequestLogTemplate::compile(many + "{{.TraceID}}", kRevision));
}

TEST(RequestLogTemplateTest, KnativesDefaultIsOneLineOfJson) {
  EXPECT_EQ(line(kDefaultRequestLogTemplate),
            R"({"httpRequest": {"requestMethod": "POST", "requestUrl": "/a/b?c\u003D\"d\"", "requestSize": "12", )"
            R"("status": 201, "responseSize": "34", "userAgent": "curl/8 \u003Cx\u003E", "remoteIp": "1.2.3.4:5", )"
            R"("serverIp": "10.0.0.7", "referer": "http://r/", "latency": "0.0015s", "protocol": "HTTP/1.1"}, )"
            R"("traceId": "0af7651916cd43dd8448eb211c80319c"})"
            "\n");
}

TEST(RequestLogTemplateTest, LinesFollowEachOther) {
  const auto compiled = RequestLogTemplate::compile("", kRevision);
  const http::RequestHead head;
  std::string out;
  for (int i = 0; i < 2; ++i) compiled->append({head, "", 200, 0, Duration(0)}, out);
  EXPECT_EQ(out, "\n\n");
}

TEST(GoEscapesTest, AsGoWritesThem) {
  EXPECT_EQ(jsEscaped("a\\b'c\"d<e>f&g=h\ni\tj\x01ä€🍣"),
            "a\\\\b\\'c\\\"d\\u003Ce\\u003Ef\\u0026g\\u003Dh\\u000Ai\\u0009j\\u0001ä€🍣");
  EXPECT_EQ(jsEscaped("a\x7f\xff"), "a\x7f\\uFFFD");
  EXPECT_EQ(htmlEscaped("<a b='c' d=\"e\">&"), "&lt;a b=&#39;c&#39; d=&#34;e&#34;&gt;&amp;");
  EXPECT_EQ(queryEscaped("a b+c/~-_.ä"), "a+b%2Bc%2F~-_.%C3%A4");
}

}  // namespace
}  // namespace wasabi::queueproxy
