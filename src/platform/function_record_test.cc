#include "platform/function_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <array>

#include "platform/test_support.h"

namespace wasabi::platform {
namespace {

using testing::HasSubstr;

const FunctionName kName{"shop", "cart"};

FunctionRecord added(FunctionRecord record, std::string_view manifest = "", bool promote = true) {
  record.name = kName;
  const std::uint32_t number = record.next_number;
  auto result = withVersion(std::move(record), versionMadeUp(kName, number, manifest), promote);
  EXPECT_TRUE(result) << result.error().message();
  return std::move(*result);
}
FunctionRecord ready(FunctionRecord record, std::uint32_t number) {
  auto result = withReady(std::move(record), number);
  EXPECT_TRUE(result) << result.error().message();
  return std::move(*result);
}
FunctionRecord split(FunctionRecord record, std::vector<TrafficShare> shares) {
  auto result = withTraffic(std::move(record), TrafficSplit::of(std::move(shares)).value());
  EXPECT_TRUE(result) << result.error().message();
  return std::move(*result);
}
FunctionRecord withTwo() {
  return ready(added(ready(added({}), 1)), 2);
}

TEST(FunctionRecord, AVersionGetsTrafficWhenItIsReady) {
  FunctionRecord record = added({});
  EXPECT_TRUE(record.traffic.empty());
  record = ready(std::move(record), 1);
  EXPECT_EQ(record.traffic, TrafficSplit::all(1));
  EXPECT_TRUE(record.past.empty());
  record = ready(added(std::move(record)), 2);
  EXPECT_EQ(record.traffic, TrafficSplit::all(2));
  EXPECT_EQ(record.past, std::vector{TrafficSplit::all(1)});
}

TEST(FunctionRecord, OneThatIsNotToBePromotedIsReadyWithoutTraffic) {
  const FunctionRecord record = ready(added(ready(added({}), 1), "", false), 2);
  EXPECT_EQ(record.traffic, TrafficSplit::all(1));
  EXPECT_EQ(record.find(2)->state, VersionState::kReady);
}

TEST(FunctionRecord, AnOlderOneThatBecomesReadyLaterTakesNothing) {
  FunctionRecord record = added(added({}));
  record = ready(std::move(record), 2);
  record = ready(std::move(record), 1);
  EXPECT_EQ(record.traffic, TrafficSplit::all(2));
}

TEST(FunctionRecord, WhoSetsTrafficByHandHasTheLastWord) {
  FunctionRecord record = added(withTwo());
  record = split(std::move(record), {{1, 50}, {2, 50}});
  record = ready(std::move(record), 3);
  EXPECT_EQ(record.traffic.toString(), "v1=50 v2=50");
}

TEST(FunctionRecord, OnlyReadyVersionsCanHaveTraffic) {
  const FunctionRecord record = added(withTwo());
  const auto building = withTraffic(record, TrafficSplit::all(3));
  EXPECT_EQ(building.error().code(), ErrorCode::kConflict);
  EXPECT_THAT(building.error().message(), HasSubstr("version 3 of shop/cart is building"));
  const auto failed = withTraffic(withFailed(record, 3, "imports x:y/z").value(), TrafficSplit::all(3));
  EXPECT_THAT(failed.error().message(), HasSubstr("is failed: imports x:y/z"));
  EXPECT_EQ(withTraffic(record, TrafficSplit::all(9)).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(withTraffic(record, {}).error().code(), ErrorCode::kInvalid);
}

TEST(FunctionRecord, AFailedVersionKeepsItsReasonAndCanBeTriedAgain) {
  FunctionRecord record = withFailed(added(withTwo()), 3, std::string(5'000, 'x')).value();
  EXPECT_EQ(record.find(3)->reason.size(), kMaxReasonBytes);
  EXPECT_EQ(withFailed(record, 2, "y").error().code(), ErrorCode::kConflict);
  record = withRetry(std::move(record), 3, true).value();
  EXPECT_EQ(record.find(3)->state, VersionState::kBuilding);
  EXPECT_EQ(ready(std::move(record), 3).traffic, TrafficSplit::all(3));
  EXPECT_EQ(withRetry(withTwo(), 2, true).error().code(), ErrorCode::kConflict);
}

TEST(FunctionRecord, RollbackGoesBackStepByStep) {
  FunctionRecord record = split(withTwo(), {{1, 10}, {2, 90}});
  record = withRollback(std::move(record)).value();
  EXPECT_EQ(record.traffic, TrafficSplit::all(2));
  record = withRollback(std::move(record)).value();
  EXPECT_EQ(record.traffic, TrafficSplit::all(1));
  EXPECT_EQ(withRollback(record).error().code(), ErrorCode::kNotFound);
}

TEST(FunctionRecord, TheHistoryOfSplitsIsBounded) {
  FunctionRecord record = withTwo();
  for (std::uint32_t i = 1; i <= 30; ++i) record = split(std::move(record), {{1, i}, {2, 100 - i}});
  ASSERT_EQ(record.past.size(), kMaxPastSplits);
  EXPECT_EQ(record.past.back().toString(), "v1=29 v2=71");
  EXPECT_EQ(record.past.front().toString(), "v1=20 v2=80");
}

TEST(FunctionRecord, SettingsAreThoseOfTheLeadingVersionUnlessOverridden) {
  FunctionRecord record = ready(added({}, "visibility = 'tenant'"), 1);
  record = added(std::move(record), "visibility = 'token'\nscale = { min = 1, max = 2 }\nisolation = 'dedicated'");
  EXPECT_EQ(record.leading().version->number, 1u);
  EXPECT_EQ(record.visibility(), catalog::Visibility::kTenant);
  EXPECT_EQ(record.scale(), catalog::Scale{});
  record = ready(std::move(record), 2);
  EXPECT_EQ(record.visibility(), catalog::Visibility::kToken);
  EXPECT_EQ(record.scale(), (catalog::Scale{1, 2}));
  EXPECT_EQ(record.isolation(), catalog::Isolation::kDedicated);
  catalog::PlatformSettings overrides;
  overrides.visibility = catalog::Visibility::kPublic;
  EXPECT_EQ(withOverrides(std::move(record), overrides).visibility(), catalog::Visibility::kPublic);
}

TEST(FunctionRecord, OnlyWhatNobodyHoldsCanBeRemoved) {
  FunctionRecord record = ready(added(withTwo(), "", false), 3);
  EXPECT_EQ(withoutVersions(record, std::array{2u}).error().code(), ErrorCode::kConflict);
  EXPECT_THAT(withoutVersions(record, std::array{1u}).error().message(), HasSubstr("a rollback may bring it back"));
  EXPECT_EQ(withoutVersions(record, std::array{7u}).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(withoutVersions(added(record), std::array{4u}).error().code(), ErrorCode::kConflict);
  record = withoutVersions(std::move(record), std::array{3u}).value();
  EXPECT_EQ(record.versions.size(), 2u);
  EXPECT_EQ(record.next_number, 4u);
}

TEST(FunctionRecord, TheLastVersionStays) {
  const FunctionRecord record = withFailed(added({}), 1, "x").value();
  EXPECT_THAT(withoutVersions(record, std::array{1u}).error().message(), HasSubstr("delete the function"));
}

TEST(FunctionRecord, TheOldestFreeVersionMakesRoom) {
  FunctionRecord record = ready(added({}), 1);
  while (record.versions.size() < kMaxVersionsOfFunction) {
    const std::uint32_t number = record.next_number;
    record = withFailed(added(std::move(record)), number, "x").value();
  }
  record = added(std::move(record));
  EXPECT_EQ(record.versions.size(), kMaxVersionsOfFunction);
  EXPECT_NE(record.find(1), nullptr);
  EXPECT_EQ(record.find(2), nullptr);
}

// Whatever is done to a record, in whatever order: its rules hold.
RC_GTEST_PROP(FunctionRecord, KeepsItsRules, ()) {
  FunctionRecord record;
  record.name = kName;
  std::uint32_t last_next = record.next_number;
  const int steps = *rc::gen::inRange(1, 60);
  for (int i = 0; i < steps; ++i) {
    const std::uint32_t number = *rc::gen::inRange<std::uint32_t>(1, record.next_number + 1);
    const std::uint32_t percent = *rc::gen::inRange<std::uint32_t>(1, 100);
    Result<FunctionRecord> next = fail(ErrorCode::kInternal, "");
    switch (*rc::gen::inRange(0, 8)) {
      case 0:
      case 1:
        next = withVersion(record, versionMadeUp(kName, record.next_number), *rc::gen::arbitrary<bool>());
        break;
      case 2:
        next = withReady(record, number);
        break;
      case 3:
        next = withFailed(record, number, "x");
        break;
      case 4:
        next = withRetry(record, number, true);
        break;
      case 5: {
        auto shares = TrafficSplit::of({{number, percent}, {number + 1, 100 - percent}});
        next = withTraffic(record, percent > 90 ? TrafficSplit::all(number) : *shares);
        break;
      }
      case 6:
        next = withRollback(record);
        break;
      default:
        next = withoutVersions(record, std::array{number});
        break;
    }
    if (next) record = std::move(*next);
    RC_ASSERT(record.next_number >= last_next);
    last_next = record.next_number;
    std::uint32_t last = 0;
    for (const VersionEntry& entry : record.versions) {
      RC_ASSERT(entry.version->number > last && entry.version->number < record.next_number);
      last = entry.version->number;
    }
    std::uint32_t sum = 0;
    for (const TrafficShare& share : record.traffic.shares()) {
      const VersionEntry* entry = record.find(share.version);
      RC_ASSERT(entry != nullptr && entry->state == VersionState::kReady);
      sum += share.percent;
    }
    RC_ASSERT(sum == 0 || sum == 100);
    RC_ASSERT(record.past.size() <= kMaxPastSplits);
    for (const TrafficSplit& past : record.past) {
      for (const TrafficShare& share : past.shares()) RC_ASSERT(record.find(share.version) != nullptr);
    }
  }
}

}  // namespace
}  // namespace wasabi::platform
