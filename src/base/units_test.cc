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

TEST(UnitsTest, ReadsCores) {
  EXPECT_EQ(parseCores("250m").value().value, 0.25);
  EXPECT_EQ(parseCores("0.5").value().value, 0.5);
  EXPECT_EQ(parseCores("2").value().value, 2);
  EXPECT_EQ(parseCores("1500m").value().value, 1.5);
}

TEST(UnitsTest, RefusesWhatIsNoNumberOfCores) {
  for (const char* text : {"", "m", "-1", "-250m", "2 cores", "50%", "2M", "1e3", "inf", "nan", "99999999999"}) {
    const auto cores = parseCores(text);
    ASSERT_FALSE(cores.has_value()) << text;
    EXPECT_NE(cores.error().message().find("\"250m\""), std::string::npos);
  }
}

TEST(UnitsTest, WritesTheShortestForm) {
  EXPECT_EQ(toString(Cores{2}), "2");
  EXPECT_EQ(toString(Cores{0.25}), "250m");
  EXPECT_EQ(toString(Cores{1.001}), "1001m");
  EXPECT_EQ(toString(Cores{0.33333}), "0.33333");
  EXPECT_EQ(toString(64_MiB), "64MiB");
  EXPECT_EQ(toString(1_GiB), "1GiB");
  EXPECT_EQ(toString(1000_B), "1000B");
  EXPECT_EQ(toString(Duration(1500ms)), "1500ms");
  EXPECT_EQ(toString(Duration(2s)), "2s");
}

}  // namespace
}  // namespace wasabi
