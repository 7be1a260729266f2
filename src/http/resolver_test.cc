#include "http/resolver.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <vector>

#include "http/event_loop.h"

namespace wasabi::http {
namespace {

// A lookup that waits for its gate. Shared with the resolver's threads, which may outlive a test.
struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
  int waiting = 0;

  void pass() {
    std::unique_lock lock(mutex);
    ++waiting;
    changed.notify_all();
    changed.wait(lock, [this] { return open; });
  }
  void unlock() {
    const std::lock_guard lock(mutex);
    open = true;
    changed.notify_all();
  }
  bool waitFor(int count) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(10), [&] { return waiting >= count; });
  }
};

Resolver::Lookup slowNames(const std::shared_ptr<Gate>& gate) {
  return [gate](const std::string& name) -> Result<Addresses> {
    if (name.starts_with("slow")) gate->pass();
    return Addresses{*parseIpAddress("192.0.2.1")};
  };
}

class ResolverTest : public testing::Test {
 protected:
  ~ResolverTest() override { gate_->unlock(); }

  std::unique_ptr<Resolution> resolve(Resolver& resolver, const std::string& name, const std::string& partition = "") {
    auto resolution = resolver.resolve(name, partition, loop_, [this, name](const Result<Addresses>& answer) {
      EXPECT_TRUE(answer);
      answered_.insert(name);
    });
    return resolution ? std::move(*resolution) : nullptr;
  }
  bool answered(const std::string& name) {
    const auto deadline = Clock::now() + std::chrono::seconds(10);
    while (!answered_.contains(name) && Clock::now() < deadline) loop_.runReady();
    return answered_.contains(name);
  }

  EventLoop loop_;
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  std::set<std::string> answered_;
};

TEST_F(ResolverTest, SlowNamesOfOnePartitionLeaveOthersResolving) {
  Resolver resolver({.threads = 3, .max_running_per_partition = 2}, slowNames(gate_));
  const auto a = resolve(resolver, "slow-1", "hostile");
  const auto b = resolve(resolver, "slow-2", "hostile");
  const auto c = resolve(resolver, "slow-3", "hostile");
  ASSERT_TRUE(gate_->waitFor(2));
  const auto d = resolve(resolver, "fast", "other");
  EXPECT_TRUE(answered("fast"));
  gate_->unlock();
  EXPECT_TRUE(answered("slow-3"));
}

TEST_F(ResolverTest, PendingLookupsAreBounded) {
  Resolver resolver({.threads = 1, .max_pending = 3, .max_pending_per_partition = 2}, slowNames(gate_));
  const auto a = resolve(resolver, "slow-1", "a");
  ASSERT_TRUE(gate_->waitFor(1));
  auto b = resolve(resolver, "x", "a");
  EXPECT_EQ(resolve(resolver, "y", "a"), nullptr);
  const auto c = resolve(resolver, "z", "b");
  ASSERT_NE(c, nullptr);
  EXPECT_EQ(resolve(resolver, "w", "b"), nullptr);
  // What was cancelled before it ran makes room.
  b.reset();
  EXPECT_NE(resolve(resolver, "w", "b"), nullptr);
}

TEST_F(ResolverTest, ACancelledLookupIsNotAnswered) {
  Resolver resolver({.threads = 1}, slowNames(gate_));
  auto cancelled = resolve(resolver, "slow-1");
  ASSERT_TRUE(gate_->waitFor(1));
  cancelled.reset();
  const auto next = resolve(resolver, "x");
  gate_->unlock();
  EXPECT_TRUE(answered("x"));
  EXPECT_FALSE(answered_.contains("slow-1"));
}

TEST_F(ResolverTest, AResolverEndsWithoutWaitingForItsLookups) {
  std::unique_ptr<Resolution> resolution;
  {
    Resolver resolver({.threads = 1}, slowNames(gate_));
    resolution = resolve(resolver, "slow-1");
    ASSERT_TRUE(gate_->waitFor(1));
  }
  resolution.reset();
}

TEST(SystemLookupTest, ResolvesLoopbackAndSaysWhatItCannot) {
  const auto loopback = Resolver::systemLookup("127.1");
  ASSERT_TRUE(loopback) << loopback.error().message();
  EXPECT_EQ(toString(loopback->front()), "127.0.0.1");
  // A label of more than 63 bytes cannot be asked for, so no name server is.
  const std::string impossible = std::string(64, 'x') + ".invalid.";
  const auto none = Resolver::systemLookup(impossible);
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message().find(impossible), std::string::npos);
}

}  // namespace
}  // namespace wasabi::http
