#include "policy/demand_histories.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

namespace wasabi::policy {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

const TimePoint kStart{seconds(1000)};
const std::string kModule(64, 'a');

FunctionHistory seen(const std::string& function, std::uint64_t peak, std::uint64_t times = 150) {
  FunctionHistory one{{"acme", function}, kModule, DemandHistory(kStart)};
  for (std::uint64_t i = 0; i < times; ++i)
    one.history.record({peak + i * peak / 50}, DemandHistory::Seen::kWhole, kStart);
  return one;
}

std::string reasonFor(std::string_view text) {
  const auto read = readHistories(text, kStart);
  return read ? "" : read.error().message();
}

TEST(DemandHistoriesTest, WhatIsReadIsWhatWasWritten) {
  const std::vector<FunctionHistory> histories = {seen("shop", 2 << 20), seen("cart", 70'000, 3), seen("idle", 1, 0)};
  const std::string text = writeHistories(histories);
  const auto read = readHistories(text, kStart);
  ASSERT_TRUE(read) << read.error().message();
  ASSERT_EQ(read->size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ((*read)[i].function, histories[i].function);
    EXPECT_EQ((*read)[i].module, kModule);
    EXPECT_EQ((*read)[i].history.encode(), histories[i].history.encode());
  }
  EXPECT_EQ(writeHistories(*read), text);
  const auto none = readHistories(writeHistories({}), kStart);
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty());
}

TEST(DemandHistoriesTest, ATextThatWasCutAnywhereIsRefused) {
  const std::string text = writeHistories(std::vector{seen("shop", 2 << 20), seen("cart", 70'000)});
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(readHistories(std::string_view(text).substr(0, size), kStart)) << size;
  }
  // At the end of a line, where each line that is left is whole.
  EXPECT_THAT(reasonFor(text.substr(0, text.find("acme/cart"))), HasSubstr("cut in line 3"));
}

TEST(DemandHistoriesTest, TellsWhatIsWrong) {
  const std::string first = "wasabi-demand-histories 1\n";
  const std::string line = "acme/shop " + kModule + " 1 5 100 3 1\n";
  ASSERT_EQ(reasonFor(first + line + "end 1\n"), "");
  EXPECT_EQ(reasonFor(""), "it is empty");
  EXPECT_EQ(reasonFor("{\"some\": \"json\"}\n"), "it is no file of histories");
  EXPECT_EQ(reasonFor(std::string(100, '\0')), "it is no file of histories");
  EXPECT_EQ(reasonFor("wasabi-demand-histories 2\nanything"), "it has version '2', and this is for 1");
  EXPECT_EQ(reasonFor(first + line + "end 2\n"), "it has 1 histories, but its end tells of others");
  EXPECT_EQ(reasonFor(first + "end 1\n"), "it has 0 histories, but its end tells of others");
  EXPECT_EQ(reasonFor(first + line + "end 01\n"), "it has 1 histories, but its end tells of others");
  EXPECT_EQ(reasonFor(first + line + "end 1\nend 1\n"), "it goes on after its end");
  EXPECT_EQ(reasonFor(first + line + line + "end 2\n"), "line 3 names a function a second time");
  for (const std::string& bad :
       std::vector<std::string>{"acme " + kModule + " 1 5 100 3 1", "acme/shop " + kModule, "acme/shop ", std::string(),
                                "acme/shop A" + kModule.substr(1) + " 1 5 100 3 1", "acme/../x " + kModule + " 1 0 0",
                                "acme/shop " + kModule + " 1 5 100 3 1 ", "acme/shop " + kModule + " 2 5 100 3 1"}) {
    EXPECT_EQ(reasonFor(first + bad + "\nend 1\n"), "line 2 is no history of a function") << bad;
  }
}

RC_GTEST_PROP(DemandHistoriesProperty, NoDamagedByteIsReadAsSomethingElse, ()) {
  std::string text = writeHistories(std::vector{seen("shop", 2 << 20), seen("cart", 70'000)});
  text[*rc::gen::inRange<std::size_t>(0, text.size())] = *rc::gen::arbitrary<char>();
  // A digit for another is not seen; whatever is accepted is a text that could have been written.
  if (const auto read = readHistories(text, kStart)) RC_ASSERT(writeHistories(*read) == text);
}

TEST(DemandHistoriesTest, KeepsItsLimits) {
  std::vector<FunctionHistory> many;
  for (std::size_t i = 0; i <= kMostHistories; ++i)
    many.push_back({{"t", "f" + std::to_string(i)}, kModule, DemandHistory(kStart)});
  const auto read = readHistories(writeHistories(many), kStart);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->size(), kMostHistories);

  std::string more = writeHistories(many);
  more.insert(more.find("end "), "t/other " + kModule + " 1 0 0\n");
  EXPECT_THAT(reasonFor(more), HasSubstr("more lines"));
  EXPECT_THAT(reasonFor(std::string(kMostHistoryBytes + 1, 'x')), HasSubstr("larger"));

  // The longest texts: what is beyond the size is left out.
  DemandHistory wide(kStart);
  for (int i = 0; i < 64 * 7; ++i) {
    wide.record({static_cast<std::uint64_t>(std::exp2(16 + i / 28.0))}, DemandHistory::Seen::kWhole,
                kStart + seconds(i));
  }
  for (FunctionHistory& one : many) one.history = wide;
  const std::string text = writeHistories(many);
  EXPECT_LE(text.size(), kMostHistoryBytes);
  const auto part = readHistories(text, kStart);
  ASSERT_TRUE(part) << part.error().message();
  EXPECT_LT(part->size(), kMostHistories);
}

}  // namespace
}  // namespace wasabi::policy
