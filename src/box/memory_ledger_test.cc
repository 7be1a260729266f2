#include "box/memory_ledger.h"

#include <gtest/gtest.h>

#include <thread>

namespace wasabi::box {
namespace {

using namespace wasabi::literals;

struct Ledger {
  explicit Ledger(ByteSize capacity)
      : ledger(
            capacity, [this](MemoryLedger::Waiter waiter) { granted.push_back(waiter.token); }, [this] { ++waits; }) {}
  bool grow(HeldMemory& held, ByteSize by, int age) {
    const bool grown = ledger.grow(by, ageOf(age), {0, static_cast<std::uint64_t>(age)});
    if (grown) held.add(by);
    return grown;
  }
  static MemoryLedger::Age ageOf(int age) { return {TimePoint(std::chrono::seconds(age)), 0}; }

  std::vector<std::uint64_t> granted;
  int waits = 0;
  MemoryLedger ledger;
};

TEST(MemoryLedgerTest, GrowsWhileThereIsRoomAndGivesBack) {
  Ledger ledger(100_MiB);
  {
    HeldMemory held(ledger.ledger);
    EXPECT_TRUE(ledger.grow(held, 60_MiB, 1));
    EXPECT_TRUE(ledger.grow(held, 40_MiB, 1));
    HeldMemory moved(std::move(held));
    EXPECT_EQ(moved.size(), 100_MiB);
    EXPECT_EQ(ledger.ledger.held(), 100_MiB);
  }
  EXPECT_EQ(ledger.ledger.held(), 0_B);
  EXPECT_EQ(ledger.waits, 0);
}

TEST(MemoryLedgerTest, WhatIsHeldOtherwiseReducesTheRoom) {
  Ledger ledger(100_MiB);
  HeldMemory held(ledger.ledger);
  ledger.ledger.setOther(70_MiB);
  EXPECT_FALSE(ledger.grow(held, 31_MiB, 1));
  EXPECT_EQ(ledger.waits, 1);
  ledger.ledger.setOther(69_MiB);
  EXPECT_EQ(ledger.granted, (std::vector<std::uint64_t>{1}));
  EXPECT_TRUE(ledger.ledger.takeGrant(Ledger::ageOf(1)));
  held.add(31_MiB);
  EXPECT_EQ(ledger.ledger.held(), 100_MiB);
}

TEST(MemoryLedgerTest, TheOldestGetsWhatComesFreeAndNobodyGrowsPastIt) {
  Ledger ledger(100_MiB);
  HeldMemory first(ledger.ledger);
  HeldMemory second(ledger.ledger);
  HeldMemory third(ledger.ledger);
  EXPECT_TRUE(ledger.grow(first, 50_MiB, 1));
  EXPECT_TRUE(ledger.grow(second, 40_MiB, 2));
  EXPECT_FALSE(ledger.grow(second, 20_MiB, 2));
  EXPECT_FALSE(ledger.grow(third, 5_MiB, 3));  // there would be room for it
  EXPECT_FALSE(ledger.grow(first, 15_MiB, 1));
  EXPECT_EQ(ledger.ledger.waiting(), 3u);
  ledger.ledger.setCapacity(105_MiB);
  EXPECT_EQ(ledger.granted, (std::vector<std::uint64_t>{1}));
  EXPECT_FALSE(ledger.ledger.takeGrant(Ledger::ageOf(2)));
  EXPECT_TRUE(ledger.ledger.isGranted(Ledger::ageOf(1)));
  EXPECT_FALSE(ledger.ledger.isGranted(Ledger::ageOf(2)));
  EXPECT_FALSE(ledger.ledger.isGranted(Ledger::ageOf(4)));
  first.release();
  EXPECT_EQ(ledger.granted, (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(ledger.ledger.waiting(), 0u);
  // The first is gone without what it was granted.
  ledger.ledger.giveUp(Ledger::ageOf(1));
  EXPECT_TRUE(ledger.ledger.takeGrant(Ledger::ageOf(2)));
  EXPECT_TRUE(ledger.ledger.takeGrant(Ledger::ageOf(3)));
  EXPECT_EQ(ledger.ledger.held(), 65_MiB);
}

TEST(MemoryLedgerTest, AnOlderOneGrowsBeforeYoungerOnesThatWait) {
  Ledger ledger(100_MiB);
  HeldMemory young(ledger.ledger);
  HeldMemory old(ledger.ledger);
  EXPECT_TRUE(ledger.grow(young, 50_MiB, 2));
  EXPECT_FALSE(ledger.grow(young, 60_MiB, 2));
  EXPECT_TRUE(ledger.grow(old, 50_MiB, 1));
}

TEST(MemoryLedgerTest, WhoGivesUpMakesWay) {
  Ledger ledger(100_MiB);
  HeldMemory held(ledger.ledger);
  EXPECT_TRUE(ledger.grow(held, 50_MiB, 1));
  HeldMemory large(ledger.ledger);
  EXPECT_FALSE(ledger.grow(large, 60_MiB, 2));
  HeldMemory small(ledger.ledger);
  EXPECT_FALSE(ledger.grow(small, 10_MiB, 3));
  ledger.ledger.giveUp(Ledger::ageOf(2));
  EXPECT_EQ(ledger.granted, (std::vector<std::uint64_t>{3}));
}

// Many threads grow and end; nobody waits for ever, nothing is held at the end, and never more than there is.
TEST(MemoryLedgerTest, ThreadsNeverExceedItAndNobodyIsForgotten) {
  constexpr int kThreads = 4;
  constexpr int kTurns = 3000;
  std::array<std::atomic<bool>, kThreads> granted{};
  MemoryLedger ledger(10_MiB, [&](MemoryLedger::Waiter waiter) { granted[waiter.worker] = true; }, [] {});
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int turn = 0; turn < kTurns; ++turn) {
        const MemoryLedger::Age age{TimePoint(std::chrono::nanoseconds(turn)), static_cast<std::uint64_t>(t)};
        HeldMemory held(ledger);
        // Each holds nothing before it has all: so there is no deadlock to resolve.
        const ByteSize by{static_cast<std::uint64_t>(1 + (turn * 7 + t) % 10) << 20};
        if (!ledger.grow(by, age, {static_cast<std::size_t>(t), 0})) {
          while (!granted[static_cast<std::size_t>(t)].exchange(false)) std::this_thread::yield();
          EXPECT_TRUE(ledger.takeGrant(age));
        }
        held.add(by);
        EXPECT_LE(ledger.held().value, (40_MiB).value);  // the others may try at this moment, 10 MiB each
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ledger.held(), 0_B);
  EXPECT_EQ(ledger.waiting(), 0u);
}

}  // namespace
}  // namespace wasabi::box
