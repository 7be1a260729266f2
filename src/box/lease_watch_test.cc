#include "box/lease_watch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <thread>

#include "catalog/held_file.h"

namespace wasabi::box {
namespace {

using namespace std::chrono_literals;

TEST(LeaseWatchTest, TellsOfAWriterAndLetsItGoOn) {
  const std::string path = testing::TempDir() + "lease-watch";
  std::ofstream(path) << "content";
  LeaseWatch::blockSignal();
  auto held = catalog::HeldFile::hold(FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC)));
  ASSERT_TRUE(held.has_value());
  std::promise<bool> wanted;
  LeaseWatch watch([&] { wanted.set_value(held->isWanted()); });
  std::thread writer([&] { EXPECT_EQ(::truncate(path.c_str(), 0), 0); });
  std::future<bool> told = wanted.get_future();
  EXPECT_EQ(told.wait_for(30s), std::future_status::ready);
  EXPECT_TRUE(told.get());
  {
    const catalog::HeldFile let_go = *std::move(held);
  }
  writer.join();
  ::unlink(path.c_str());
}

TEST(LeaseWatchTest, EndsWithoutBeingTold) {
  LeaseWatch::blockSignal();
  int calls = 0;
  {
    const LeaseWatch watch([&] { ++calls; });
  }
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace wasabi::box
