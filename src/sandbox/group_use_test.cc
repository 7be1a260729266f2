#include "sandbox/group_use.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/test_directory.h"

namespace wasabi::sandbox {
namespace {

using namespace std::chrono_literals;

TEST(GroupUseTest, V1HasAPartInEachHierarchy) {
  const TestDirectory top;
  top.write("memory/a/memory.usage_in_bytes", "1048576\n");
  top.write("memory/a/memory.max_usage_in_bytes", "2097152\n");
  top.write("cpu/a/cpu.stat", "nr_periods 3\nnr_throttled 1\nthrottled_time 7\n");
  top.write("cpuacct/a/cpuacct.usage", "1500000000\n");
  const GroupReader reader({top.path("memory/a"), top.path("cpu/a"), top.path("cpuacct/a")});
  EXPECT_TRUE(reader.isComplete());
  const GroupUse use = reader.read();
  EXPECT_EQ(use.cpu, 1500ms);
  EXPECT_EQ(use.memory, ByteSize{1 << 20});
  EXPECT_EQ(use.peak, ByteSize{2 << 20});
}

TEST(GroupUseTest, V2HasAllInOneFolder) {
  const TestDirectory top;
  top.write("cpu.stat", "usage_usec 2500000\nuser_usec 1\nsystem_usec 2\n");
  top.write("memory.current", "4096\n");
  top.write("memory.peak", "8192\n");
  const GroupReader reader({top.path()});
  EXPECT_TRUE(reader.isComplete());
  const GroupUse use = reader.read();
  EXPECT_EQ(use.cpu, 2500ms);
  EXPECT_EQ(use.memory, ByteSize{4096});
  EXPECT_EQ(use.peak, ByteSize{8192});
}

TEST(GroupUseTest, WhatGrowsIsReadAnew) {
  const TestDirectory top;
  top.write("cpu.stat", "user_usec 9\nusage_usec 1000\n");
  const GroupReader reader({top.path()});
  EXPECT_EQ(reader.read().cpu, 1ms);
  top.write("cpu.stat", "user_usec 9\nusage_usec 3000\n");
  EXPECT_EQ(reader.read().cpu, 3ms);
}

// Kernels before 5.19 tell no peak.
TEST(GroupUseTest, WhatTheKernelDoesNotTellIsNothing) {
  const TestDirectory top;
  top.write("memory.current", "4096\n");
  const GroupReader reader({top.path()});
  EXPECT_FALSE(reader.isComplete());
  const GroupUse use = reader.read();
  EXPECT_FALSE(use.cpu);
  EXPECT_FALSE(use.peak);
  EXPECT_EQ(use.memory, ByteSize{4096});
  EXPECT_FALSE(GroupReader().read().memory);
}

TEST(GroupUseTest, OfAGroupThatIsGoneNothingIsTold) {
  const TestDirectory top;
  top.write("a/cpu.stat", "usage_usec 1000\n");
  top.write("a/memory.current", "4096\n");
  const GroupReader reader({top.path("a")});
  ASSERT_TRUE(reader.isComplete());
  top.remove("a");
  EXPECT_FALSE(reader.read().cpu);
  EXPECT_FALSE(reader.read().memory);
}

TEST(GroupUseTest, WhatIsNoNumberIsNotBelieved) {
  const TestDirectory top;
  for (const char* text : {"", "\n", "-1\n", "12x\n", "99999999999999999999999\n", "18446744073709551615\n"}) {
    top.write("cpuacct.usage", text);
    EXPECT_FALSE(GroupReader({top.path()}).read().cpu) << text;
  }
  for (const char* text : {"usage_usec\n", "usage_usec x\n", "xusage_usec 5\n", "usage_usec 18446744073709551615\n"}) {
    top.remove("cpuacct.usage");
    top.write("cpu.stat", text);
    EXPECT_FALSE(GroupReader({top.path()}).read().cpu) << text;
  }
}

}  // namespace
}  // namespace wasabi::sandbox
