#include "base/container_limits.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

namespace wasabi {
namespace {

using namespace literals;

constexpr std::string_view kMeminfo = "MemTotal:        8388608 kB\nMemFree:  100 kB\n";
constexpr std::string_view kV2Mount =
    "30 23 0:26 / /sys/fs/cgroup ro,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

// A machine of 8 GiB and 4 processors, and the files that a test adds.
class ContainerLimitsTest : public testing::Test {
 protected:
  ContainerLimitsTest() { files_["/proc/meminfo"] = kMeminfo; }

  ContainerLimits read() const {
    return containerLimits(
        [this](const std::string& path) -> std::optional<std::string> {
          const auto found = files_.find(path);
          return found == files_.end() ? std::nullopt : std::optional(found->second);
        },
        4);
  }
  void setUp(std::string_view cgroup, std::string_view mountinfo) {
    files_["/proc/self/cgroup"] = cgroup;
    files_["/proc/self/mountinfo"] = mountinfo;
  }
  void expect(ByteSize memory, LimitSource memory_from, double cpu, LimitSource cpu_from) const {
    const ContainerLimits limits = read();
    EXPECT_EQ(limits.memory, memory) << toString(limits.memory);
    EXPECT_EQ(limits.memory_from, memory_from);
    EXPECT_EQ(limits.cpu.value, cpu);
    EXPECT_EQ(limits.cpu_from, cpu_from);
  }
  void expectMachine() const { expect(8_GiB, LimitSource::kMachine, 4, LimitSource::kMachine); }

  std::map<std::string, std::string> files_;
};

constexpr auto kV1 = LimitSource::kCgroupV1;
constexpr auto kV2 = LimitSource::kCgroupV2;

TEST_F(ContainerLimitsTest, WithoutCgroupsTheMachineIsTheLimit) {
  expectMachine();
}

TEST_F(ContainerLimitsTest, V2InANamespaceOfItsOwn) {
  setUp("0::/\n", kV2Mount);
  files_["/sys/fs/cgroup/memory.max"] = "536870912\n";
  files_["/sys/fs/cgroup/cpu.max"] = "150000 100000\n";
  expect(512_MiB, kV2, 1.5, kV2);
}

TEST_F(ContainerLimitsTest, V2MaxIsNoLimit) {
  setUp("0::/\n", kV2Mount);
  files_["/sys/fs/cgroup/memory.max"] = "max\n";
  files_["/sys/fs/cgroup/cpu.max"] = "max 100000\n";
  expectMachine();
}

TEST_F(ContainerLimitsTest, V2TakesTheSmallestOfAllGroupsAbove) {
  setUp("0::/kubepods/pod1/box\n", kV2Mount);
  files_["/sys/fs/cgroup/kubepods/memory.max"] = "2147483648\n";
  files_["/sys/fs/cgroup/kubepods/pod1/memory.max"] = "1073741824\n";
  files_["/sys/fs/cgroup/kubepods/pod1/box/memory.max"] = "1610612736\n";
  files_["/sys/fs/cgroup/kubepods/pod1/cpu.max"] = "300000 100000\n";
  files_["/sys/fs/cgroup/kubepods/pod1/box/cpu.max"] = "50000 100000\n";
  files_["/sys/fs/cgroup/kubepods/pod2/memory.max"] = "1\n";  // a neighbour's
  expect(1_GiB, kV2, 0.5, kV2);
}

TEST_F(ContainerLimitsTest, ALimitBeyondTheMachineIsNone) {
  setUp("0::/\n", kV2Mount);
  files_["/sys/fs/cgroup/memory.max"] = "17179869184\n";
  files_["/sys/fs/cgroup/cpu.max"] = "800000 100000\n";
  expectMachine();
}

TEST_F(ContainerLimitsTest, ALimitOfZeroIsTheSmallest) {
  setUp("0::/a\n", kV2Mount);
  files_["/sys/fs/cgroup/memory.max"] = "0\n";
  files_["/sys/fs/cgroup/a/memory.max"] = "99999999999\n";
  expect(0_B, kV2, 4, LimitSource::kMachine);
}

TEST_F(ContainerLimitsTest, AGroupWhoseFolderIsNotThereStillHasThoseAbove) {
  setUp("0::/system.slice/docker-1.scope\n", kV2Mount);
  files_["/sys/fs/cgroup/memory.max"] = "1073741824\n";
  expect(1_GiB, kV2, 4, LimitSource::kMachine);
}

TEST_F(ContainerLimitsTest, WhoWasMovedOutOfItsNamespaceHasNoLimitThere) {
  setUp("0::/../../other\n", kV2Mount);
  files_["/sys/fs/cgroup/memory.max"] = "1073741824\n";
  expectMachine();
}

TEST_F(ContainerLimitsTest, AMountFromAboveTheNamespaceShowsOnlyItsTop) {
  setUp("0::/\n", "30 23 0:26 /../.. /host/cgroup rw - cgroup2 cgroup2 rw\n");
  files_["/host/cgroup/memory.max"] = "1073741824\n";
  expect(1_GiB, kV2, 4, LimitSource::kMachine);
}

constexpr std::string_view kV1Mounts =
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
constexpr std::string_view kV1Groups = "9:memory:/a/b\n8:cpuset:/\n7:cpu,cpuacct:/c\n1:name=systemd:/x\n";

TEST_F(ContainerLimitsTest, V1HasAHierarchyPerController) {
  setUp(kV1Groups, kV1Mounts);
  files_["/sys/fs/cgroup/memory/a/memory.limit_in_bytes"] = "1073741824\n";
  files_["/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes"] = "9223372036854771712\n";
  files_["/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us"] = "250000\n";
  files_["/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us"] = "100000\n";
  expect(1_GiB, kV1, 2.5, kV1);
}

TEST_F(ContainerLimitsTest, V1HugeAndMinusOneAreNoLimit) {
  setUp(kV1Groups, kV1Mounts);
  files_["/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes"] = "9223372036854771712\n";
  files_["/sys/fs/cgroup/memory/a/b/memory.stat"] = "cache 5\nhierarchical_memory_limit 9223372036854771712\n";
  files_["/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us"] = "-1\n";
  files_["/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us"] = "100000\n";
  expectMachine();
}

TEST_F(ContainerLimitsTest, V1TellsOfGroupsAboveThatAreNotVisible) {
  setUp("9:memory:/docker/1\n", "35 31 0:32 /docker/1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
  files_["/sys/fs/cgroup/memory/memory.limit_in_bytes"] = "9223372036854771712\n";
  files_["/sys/fs/cgroup/memory/memory.stat"] = "cache 5\nhierarchical_memory_limit 268435456\ntotal_cache 1\n";
  expect(256_MiB, kV1, 4, LimitSource::kMachine);
}

TEST_F(ContainerLimitsTest, V1MountOfTheContainersOwnGroup) {
  setUp("9:memory:/docker/1/inner\n", "35 31 0:32 /docker/1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
  files_["/sys/fs/cgroup/memory/memory.limit_in_bytes"] = "536870912\n";
  files_["/sys/fs/cgroup/memory/inner/memory.limit_in_bytes"] = "268435456\n";
  expect(256_MiB, kV1, 4, LimitSource::kMachine);
  setUp("9:memory:/docker/12\n", files_["/proc/self/mountinfo"]);  // not beneath it, though its name begins so
  expectMachine();
}

TEST_F(ContainerLimitsTest, BothVersionsAtOnce) {
  setUp(std::string(kV1Groups) + "0::/u\n",
        std::string(kV1Mounts) + "38 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  files_["/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes"] = "1073741824\n";
  files_["/sys/fs/cgroup/unified/u/cpu.max"] = "100000 100000\n";
  expect(1_GiB, kV1, 1, kV2);
}

TEST_F(ContainerLimitsTest, MountPointsMayHoldBlanks) {
  setUp("0::/\n", "30 23 0:26 / /my\\040cgroup\\134 rw - cgroup2 cgroup2 rw\n");
  files_["/my cgroup\\/memory.max"] = "1073741824\n";
  expect(1_GiB, kV2, 4, LimitSource::kMachine);
}

TEST_F(ContainerLimitsTest, BadContentIsNoLimit) {
  for (const char* text : {"", "\n", "lots", "-5", "1073741824 bytes", "0x100", "99999999999999999999999"}) {
    setUp("0::/\n", kV2Mount);
    files_["/sys/fs/cgroup/memory.max"] = text;
    files_["/sys/fs/cgroup/cpu.max"] = text;
    expectMachine();
  }
  for (const char* text : {"100000", "100000 ", "100000 0", "0 100000", "-1 100000", "100000 -1", "100000 x"}) {
    files_["/sys/fs/cgroup/cpu.max"] = text;
    EXPECT_EQ(read().cpu.value, 4) << text;
  }
  for (const char* text : {"", ":", "0:", "0::", "0::no", "::::\n\n0", "\n\n\n"}) {
    setUp(text, kV2Mount);
    expectMachine();
  }
  for (const char* text :
       {"", "-", " - ", "- cgroup2", "1 2 3 4 5 6", "a b c d e f - cgroup2", "1 2 3 / /x - cgroup2 -"}) {
    setUp("0::/\n", text);
    expectMachine();
  }
}

TEST_F(ContainerLimitsTest, AGroupDeeperThanAnybodyNeedsIsBounded) {
  std::string path;
  for (int i = 0; i < 10'000; ++i) path += "/d";
  setUp("0::" + path + "\n", kV2Mount);
  files_["/sys/fs/cgroup/memory.max"] = "1073741824\n";
  expect(1_GiB, kV2, 4, LimitSource::kMachine);
}

TEST(ReadContainerLimitsTest, ReadsFilesBelowARoot) {
  const std::string root = testing::TempDir() + "container-limits-" + std::to_string(::getpid());
  const auto write = [&root](const std::string& name, std::string_view content) {
    std::filesystem::create_directories(std::filesystem::path(root + name).parent_path());
    std::ofstream(root + name) << content;
  };
  write("/proc/meminfo", kMeminfo);
  write("/proc/self/cgroup", "0::/box\n");
  write("/proc/self/mountinfo", kV2Mount);
  write("/sys/fs/cgroup/box/memory.max", "268435456\n");
  const ContainerLimits limits = readContainerLimits(root);
  std::filesystem::remove_all(root);
  EXPECT_EQ(limits.memory, 256_MiB);
  EXPECT_EQ(limits.memory_from, kV2);
  EXPECT_GE(limits.cpu.value, 1);
}

TEST(ReadContainerLimitsTest, ThisMachineHasSome) {
  const ContainerLimits limits = readContainerLimits();
  EXPECT_GT(limits.memory, 16_MiB);
  EXPECT_GT(limits.cpu.value, 0);
}

}  // namespace
}  // namespace wasabi
