#include "queueproxy/otlp_encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wasabi::queueproxy {
namespace {

using testing::HasSubstr;

Span exampleSpan() {
  Span span;
  span.context.trace.bytes.fill(0x11);
  span.context.span.bytes.fill(0x22);
  span.context.sampled = true;
  span.parent.bytes.fill(0x33);
  span.name = kRequestSpan;
  span.kind = Span::Kind::kServer;
  span.start_nanoseconds = 1;
  span.end_nanoseconds = 256;
  span.texts.push_back({"m", "GET"});
  span.numbers.push_back({"s", 0});
  span.failed = true;
  return span;
}

// Written out by hand from opentelemetry/proto/trace/v1/trace.proto.
TEST(OtlpEncodingTest, TheBytesAreThoseOfTheSchema) {
  const std::string trace(16, '\x11');
  const std::string id(8, '\x22');
  const std::string parent(8, '\x33');
  const std::string span = "\x0a\x10" + trace +                                 // trace_id
                           "\x12\x08" + id +                                    // span_id
                           "\x22\x08" + parent +                                // parent_span_id
                           "\x2a\x05queue" +                                    // name
                           "\x30\x02" +                                         // kind: server
                           std::string("\x39\x01\0\0\0\0\0\0\0", 9) +           // start_time_unix_nano
                           std::string("\x41\0\x01\0\0\0\0\0\0", 9) +           // end_time_unix_nano
                           "\x4a\x0a\x0a\x01m\x12\x05\x0a\x03GET" +             // attributes: text
                           std::string("\x4a\x07\x0a\x01s\x12\x02\x18\0", 9) +  // attributes: number 0
                           "\x7a\x02\x18\x02" +                                 // status: error
                           std::string("\x85\x01\x01\0\0\0", 6);                // flags: sampled
  EXPECT_THAT(encodeSpans({}, {exampleSpan()}),
              HasSubstr("\x12" + std::string(1, static_cast<char>(span.size())) + span));
}

TEST(OtlpEncodingTest, TheResourceIsTheRevision) {
  const std::string text = encodeSpans({"ns", "svc", "cfg", "rev", "pod", "1.2.3.4"}, {});
  EXPECT_THAT(text, HasSubstr("\x0a\x0cservice.name\x12\x05\x0a\x03svc"));
  EXPECT_THAT(text, HasSubstr("\x0a\x12k8s.namespace.name\x12\x04\x0a\x02ns"));
  EXPECT_THAT(text, HasSubstr("\x0a\x10kn.revision.name\x12\x05\x0a\x03rev"));
  EXPECT_THAT(text, HasSubstr("\x0a\x1dknative.dev/serving/pkg/queue"));
  EXPECT_THAT(encodeSpans({"", "", "", "rev", "pod", ""}, {}), HasSubstr("service.name\x12\x05\x0a\x03rev"));
}

TEST(OtlpEncodingTest, WhatIsNoUtf8IsMadeSo) {
  Span span = exampleSpan();
  span.texts = {{"t",
                 "a\xff"
                 "ä"}};
  EXPECT_THAT(encodeSpans({}, {span}), HasSubstr("a?ä"));
}

TEST(SpanBufferTest, KeepsWhatIsSampledUpToItsBound) {
  SpanBuffer buffer;
  Span ignored = exampleSpan();
  ignored.context.sampled = false;
  buffer.add(ignored);
  EXPECT_EQ(buffer.waiting(), 0u);
  for (std::size_t i = 0; i < SpanBuffer::kMostWaiting + 3; ++i) buffer.add(exampleSpan());
  EXPECT_EQ(buffer.waiting(), SpanBuffer::kMostWaiting);
  EXPECT_EQ(buffer.dropped(), 3u);
}

TEST(SpanBufferTest, GivesTheOldestFirst) {
  SpanBuffer buffer;
  for (std::size_t i = 0; i <= SpanBuffer::kMostAtOnce; ++i) {
    Span span = exampleSpan();
    span.start_nanoseconds = static_cast<std::int64_t>(i);
    buffer.add(span);
  }
  const auto first = buffer.take();
  ASSERT_EQ(first.size(), SpanBuffer::kMostAtOnce);
  EXPECT_EQ(first.front().start_nanoseconds, 0);
  EXPECT_EQ(buffer.take().size(), 1u);
  EXPECT_TRUE(buffer.take().empty());
}

}  // namespace
}  // namespace wasabi::queueproxy
