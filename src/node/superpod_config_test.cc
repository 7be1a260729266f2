#include "node/superpod_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace wasabi::node {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

TEST(SuperpodConfigTest, TellsWhatTheOperatorGaveTheSuperpod) {
  SuperpodSettings settings;
  settings.memory = ByteSize{512ull << 20};
  settings.cores = 1.5;
  settings.booking = policy::BookingMode::declared();
  EXPECT_EQ(boxConfigText(settings, {}),
            "[capacity]\nmemory = \"512MiB\"\ncpu = \"1500m\"\n[memory]\nmode = \"declared\"\n");
  settings.booking = policy::BookingMode::ratioOf(1.5);
  EXPECT_THAT(boxConfigText(settings, {}), EndsWith("mode = \"ratio\"\nratio = 1.5\n"));
  settings.booking = policy::BookingMode::riskOf(0.01);
  EXPECT_THAT(boxConfigText(settings, {}), EndsWith("mode = \"risk\"\nrisk = 0.01\n"));
}

TEST(SuperpodConfigTest, HasATableForEachTenantThatIsHosted) {
  const std::string text = boxConfigText({}, {{"acme", 4}, {"other-1", 0.25}});
  EXPECT_THAT(text, EndsWith("[tenants.acme]\nweight = 400\n[tenants.other-1]\nweight = 25\n"));
  EXPECT_THAT(boxConfigText({}, {}), Not(HasSubstr("tenants")));
}

TEST(SuperpodConfigTest, EveryWeightOfAQuotaIsOneOfABox) {
  EXPECT_EQ(boxWeight(0.01), 1u);
  EXPECT_EQ(boxWeight(0.001), 1u);
  EXPECT_EQ(boxWeight(1), 100u);
  EXPECT_EQ(boxWeight(1.006), 101u);
  EXPECT_EQ(boxWeight(1'000), 100'000u);
  EXPECT_EQ(boxWeight(1e300), 100'000u);
}

TEST(SuperpodConfigTest, TheFileIsReplacedAndLeavesNothingBehind) {
  std::string folder = "/tmp/superpod_config_XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  EXPECT_FALSE(writeBoxConfig(folder, "first"));
  ASSERT_TRUE(makeBoxConfigFolder(folder));
  ASSERT_TRUE(writeBoxConfig(folder, "first"));
  std::ifstream before(boxConfigFile(folder));
  ASSERT_TRUE(writeBoxConfig(folder, "second"));
  const auto rest = [](std::ifstream& file) { return std::string(std::istreambuf_iterator<char>(file), {}); };
  std::ifstream after(boxConfigFile(folder));
  EXPECT_EQ(rest(before), "first");
  EXPECT_EQ(rest(after), "second");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder + "/config"), {}), 1);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace wasabi::node
