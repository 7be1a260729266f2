#include "http/egress_call.h"

#include <gtest/gtest.h>

#include <string>

namespace wasabi::http {
namespace {

using namespace std::chrono_literals;

const std::string kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string kWritten =
    "acme/mashup@3;tls=1;connect_ms=10000;first_byte_ms=60000;between_bytes_ms=1;hops=2;trace=" + kTrace;

Fields saying(std::string_view value) {
  Fields fields;
  fields.add("wasabi-egress", value);
  return fields;
}

TEST(EgressCallTest, IsReadAsItWasWritten) {
  const EgressCall call{{"acme", "mashup@3"}, true, 10s, 60s, 400us, 2, kTrace};
  Fields fields = saying("what a guest would like to be");
  setEgressCall(call, fields);
  EXPECT_EQ(fields.size(), 1U);
  EXPECT_EQ(fields.find("wasabi-egress"), kWritten);
  const auto read = egressCallOf(fields);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->caller.toString(), "acme/mashup@3");
  EXPECT_TRUE(read->tls);
  EXPECT_EQ(read->connect_timeout, 10s);
  EXPECT_EQ(read->first_byte_timeout, 60s);
  EXPECT_EQ(read->between_bytes_timeout, 1ms) << "a short time must not become none";
  EXPECT_EQ(read->hops, 2U);
  EXPECT_EQ(read->trace_id, kTrace);
}

TEST(EgressCallTest, TimesBeyondReasonAreADay) {
  Fields fields;
  setEgressCall({{"a", "b@1"}, false, Duration::max(), Duration::min(), 0s, 0, kTrace}, fields);
  const auto read = egressCallOf(fields);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->connect_timeout, 24h);
  EXPECT_EQ(read->first_byte_timeout, 0s);
}

TEST(EgressCallTest, NothingElseIsOne) {
  ASSERT_TRUE(egressCallOf(saying(kWritten)));
  EXPECT_FALSE(egressCallOf(Fields()));
  // Every prefix, and every character replaced by one that stands nowhere in it.
  for (std::size_t size = 0; size < kWritten.size(); ++size) {
    EXPECT_FALSE(egressCallOf(saying(kWritten.substr(0, size)))) << size;
    std::string other = kWritten;
    other[size] = '!';
    EXPECT_FALSE(egressCallOf(saying(other))) << other;
  }
  EXPECT_FALSE(egressCallOf(saying(kWritten + ";more=1")));
}

TEST(EgressCallTest, FailuresKeepTheirNames) {
  for (int number = 0; number <= static_cast<int>(ClientFailure::kLimit); ++number) {
    const auto failure = static_cast<ClientFailure>(number);
    Fields fields;
    setEgressFailure(failure, fields);
    EXPECT_EQ(egressFailureOf(fields), failure) << nameOf(failure);
  }
  EXPECT_FALSE(egressFailureOf(Fields()));
  Fields unknown;
  unknown.add("wasabi-egress-failure", "boredom");
  EXPECT_EQ(egressFailureOf(unknown), ClientFailure::kProtocol);
}

TEST(EgressCallTest, HopsAreNoneUntilTold) {
  Fields fields;
  EXPECT_EQ(hopsOf(fields), 0U);
  setHops(7, fields);
  EXPECT_EQ(hopsOf(fields), 7U);
}

}  // namespace
}  // namespace wasabi::http
