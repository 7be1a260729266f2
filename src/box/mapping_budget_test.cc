#include "box/mapping_budget.h"

#include <gtest/gtest.h>

namespace wasabi::box {
namespace {

TEST(MappingBudgetTest, ProgramsGetWhatInvocationsLeave) {
  EXPECT_EQ(programsWithin({65'530, 20'000, 1'000, 500}).value(), 500u);
  const std::uint32_t beside_ten_thousand = programsWithin({65'530, 1'000'000, 10'000, 1'000'000}).value();
  EXPECT_GT(beside_ten_thousand, 1'000u);
  EXPECT_LE(10'000 * 5 + beside_ten_thousand * 3, 65'530u);
}

TEST(MappingBudgetTest, AThirdOfTheDescriptorsIsForConnections) {
  EXPECT_EQ(programsWithin({65'530, 1'024, 1'000, 10'000}).value(), 341u);
}

TEST(MappingBudgetTest, SaysWhichNumberToChange) {
  auto programs = programsWithin({65'530, 20'000, 13'000, 100});
  ASSERT_FALSE(programs.has_value());
  EXPECT_NE(programs.error().message().find("--max-invocations"), std::string::npos);
  EXPECT_NE(programs.error().message().find("vm.max_map_count"), std::string::npos);
}

}  // namespace
}  // namespace wasabi::box
