#include "platform/collection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "platform/test_support.h"

namespace wasabi::platform {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int64_t kDay = 24 * 3'600'000;
constexpr std::int64_t kNow = 100 * kDay;
const FunctionName kName{"acme", "cart"};

CollectionRules keepNewest(std::uint32_t count) {
  CollectionRules rules;
  rules.keep_newest = count;
  return rules;
}

// `count` ready versions; the newest has all traffic, and nothing else is held.
FunctionRecord functionWith(std::uint32_t count, std::int64_t created_ms = kDay) {
  FunctionRecord record;
  record.name = kName;
  for (std::uint32_t number = 1; number <= count; ++number) {
    record = withVersion(std::move(record), versionMadeUp(kName, number, "", created_ms), false).value();
    record = withReady(std::move(record), number).value();
  }
  record.traffic = TrafficSplit::all(count);
  return record;
}

std::vector<std::uint32_t> collected(const FunctionRecord& record, const CollectionRules& rules,
                                     const Leases& leases = {}) {
  auto plan = planCollection({std::make_shared<const FunctionRecord>(record)}, {}, leases, rules, kNow);
  return plan.versions[kName];
}

TEST(Collection, KeepsTheNewestVersions) {
  EXPECT_THAT(collected(functionWith(6), keepNewest(3)), ElementsAre(1, 2, 3));
  EXPECT_THAT(collected(functionWith(3), keepNewest(3)), IsEmpty());
  EXPECT_THAT(collected(functionWith(12), {}), ElementsAre(1, 2));
}

TEST(Collection, KeepsWhatIsHeldBuiltYoungOrRunning) {
  FunctionRecord record = functionWith(9);
  record.traffic = TrafficSplit::all(2);
  record.past = {TrafficSplit::all(3)};
  record.versions[3].state = VersionState::kBuilding;
  const auto young = versionMadeUp(kName, 5, "", kNow - kDay + 1);
  record.versions[4].version = young;
  record.versions[5].version = versionMadeUp(kName, 6, "", kNow - kDay);
  Leases leases;
  leases.versions = {{kName, 7}, {{"acme", "other"}, 1}};
  EXPECT_THAT(collected(record, keepNewest(1), leases), ElementsAre(1, 6, 8));
}

TEST(Collection, KeepsWhatKeptVersionsAreMadeOf) {
  FunctionRecord record = functionWith(3);
  auto with_files = std::make_shared<Version>(*record.versions[2].version);
  with_files->files = digestOf("used files");
  record.versions[2].version = with_files;
  auto container = std::make_shared<Version>(*record.versions[1].version);
  container->container.emplace();
  container->image = digestOf("used image");
  record.versions[1].version = container;
  const auto old = [](std::initializer_list<Digest> digests) {
    std::vector<StoredBlob> stored;
    for (const Digest& digest : digests) stored.push_back({digest, kDay});
    return stored;
  };
  StoredBlobs stored;
  stored.modules = old({digestOf("module of 1"), digestOf("module of 3"), digestOf("leased")});
  stored.modules.push_back({digestOf("young"), kNow - kDay + 1});
  stored.compiled = old({digestOf("module of 1"), digestOf("module of 3")});
  stored.files = old({digestOf("used files"), digestOf("files")});
  stored.images = old({digestOf("used image"), digestOf("image")});
  stored.layers = old({digestOf("shared"), digestOf("used"), digestOf("layer")});
  stored.roots = old({digestOf("used root"), digestOf("root")});
  stored.parts_of = {{digestOf("used image"), {digestOf("shared"), digestOf("used"), digestOf("used root")}},
                     {digestOf("image"), {digestOf("shared"), digestOf("layer"), digestOf("root")}}};
  Leases leases;
  leases.blobs = {digestOf("leased")};
  const CollectionPlan plan =
      planCollection({std::make_shared<const FunctionRecord>(record)}, stored, leases, keepNewest(2), kNow);
  EXPECT_THAT(plan.modules, ElementsAre(digestOf("module of 1")));
  EXPECT_THAT(plan.compiled, ElementsAre(digestOf("module of 1")));
  EXPECT_THAT(plan.files, ElementsAre(digestOf("files")));
  EXPECT_THAT(plan.images, ElementsAre(digestOf("image")));
  EXPECT_THAT(plan.layers, ElementsAre(digestOf("layer")));
  EXPECT_THAT(plan.roots, ElementsAre(digestOf("root")));
  EXPECT_FALSE(plan.empty());
  // What comes in may be made of what is there.
  leases.images_come_in = true;
  const CollectionPlan meanwhile =
      planCollection({std::make_shared<const FunctionRecord>(record)}, stored, leases, keepNewest(2), kNow);
  EXPECT_THAT(meanwhile.layers, IsEmpty());
  EXPECT_THAT(meanwhile.roots, IsEmpty());
}

TEST(Collection, OfNothingIsNothing) {
  EXPECT_TRUE(planCollection({}, {}, {}, {}, kNow).empty());
}

// What a plan takes away nobody needs, and what it has planned once it does not plan again.
RC_GTEST_PROP(Collection, TakesNothingThatIsReachable, ()) {
  FunctionRecord record = functionWith(*rc::gen::inRange<std::uint32_t>(1, 30), *rc::gen::element(kDay, kNow));
  for (VersionEntry& entry : record.versions) {
    if (*rc::gen::inRange(0, 5) == 0) entry.state = VersionState::kFailed;
    if (*rc::gen::inRange(0, 9) == 0) entry.state = VersionState::kBuilding;
  }
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
    const std::uint32_t number = *rc::gen::inRange<std::uint32_t>(1, record.next_number);
    record.past.push_back(TrafficSplit::all(number));
  }
  Leases leases;
  if (*rc::gen::arbitrary<bool>()) leases.versions.insert({kName, *rc::gen::inRange<std::uint32_t>(1, 30)});
  StoredBlobs stored;
  for (const VersionEntry& entry : record.versions) stored.modules.push_back({entry.version->content(), kDay});
  const CollectionRules rules = keepNewest(*rc::gen::inRange<std::uint32_t>(1, 12));
  const CollectionPlan plan =
      planCollection({std::make_shared<const FunctionRecord>(record)}, stored, leases, rules, kNow);
  const auto planned = plan.versions.find(kName);
  if (planned != plan.versions.end()) {
    for (const std::uint32_t number : planned->second) RC_ASSERT(!leases.versions.contains({kName, number}));
    // The record's own rules agree.
    auto without = withoutVersions(std::move(record), planned->second);
    RC_ASSERT(without.has_value());
    record = std::move(*without);
  }
  for (const Digest& module : plan.modules) {
    for (const VersionEntry& entry : record.versions) RC_ASSERT(entry.version->content() != module);
  }
  const CollectionPlan again =
      planCollection({std::make_shared<const FunctionRecord>(record)}, {}, leases, rules, kNow);
  RC_ASSERT(again.empty());
}

}  // namespace
}  // namespace wasabi::platform
