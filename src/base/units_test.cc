#include "base/units.h"

#include <gtest/gtest.h>

namespace wasabi {
namespace {

using namespace std::chrono_literals;
using namespace literals;

TEST(UnitsTest, ReadsSizes) {
  EXPECT_EQ(parseByteSize("64MiB").value(), 64_MiB);
  EXPECT_EQ(parseByteSize("64 MiB").value(), 64_MiB);
  EXPECT_EQ(parseByteSize("1.5GiB").value(), 1536_MiB);
  EXPECT_EQ(parseByteSize("1000").value(), 1000_B);
  EXPECT_EQ(parseByteSize("100kB").value(), 100'000_B);
  EXPECT_EQ(parseByteSize("0").value(), 0_B);
}

TEST(UnitsTest, RefusesWhatIsNoSizeAndSaysHowToWriteOne) {
  for (const char* text : {"", "MiB", "-1", "64mib", "64Mi", "1e400", "nan", "inf", "99999999999GiB", "64MiB!"}) {
    auto size = parseByteSize(text);
    ASSERT_FALSE(size.has_value()) << text;
    EXPECT_EQ(size.error().code(), ErrorCode::kInvalid);
    EXPECT_NE(size.error().message().find("64MiB"), std::string::npos);
  }
}

TEST(UnitsTest, ReadsDurations) {
  EXPECT_EQ(parseDuration("1.5s").value(), 1500ms);
  EXPECT_EQ(parseDuration("250ms").value(), 250ms);
  EXPECT_EQ(parseDuration("100us").value(), 100us);
  EXPECT_EQ(parseDuration("2m").value(), 120s);
  EXPECT_EQ(parseDuration("1h").value(), 3600s);
}

TEST(UnitsTest, RefusesADurationWithoutUnit) {
  for (const char* text : {"30", "", "s", "-1s", "1d", "1e300h"}) EXPECT_FALSE(parseDuration(text).has_value()) << text;
}

TEST(UnitsTest, WritesTheShortestForm) {
  EXPECT_EQ(toString(64_MiB), "64MiB");
  EXPECT_EQ(toString(1_GiB), "1GiB");
  EXPECT_EQ(toString(1000_B), "1000B");
  EXPECT_EQ(toString(Duration(1500ms)), "1500ms");
  EXPECT_EQ(toString(Duration(2s)), "2s");
}

}  // namespace
}  // namespace wasabi
