// Records on a disk that fails, stops or loses power at every single call: what is found afterwards is what was there
// before the interrupted change or after it, and nothing that was answered is lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <random>
#include <string>

#include "base/sha256.h"
#include "platform/data_directory.h"
#include "platform/record_text.h"
#include "platform/records.h"
#include "platform/simulated_disk.h"

namespace wasabi::platform {
namespace {

constexpr int kChangesOfAHistory = 40;

Result<void> present(const Version& /*version*/) {
  return {};
}

Result<std::unique_ptr<Records>> openOn(Disk& disk) {
  if (auto ready = prepareDataDirectory(disk, kDataFormat, {}); !ready) return fail(std::move(ready).error());
  return Records::open(disk, {"/data", "fn.example.com", {}});
}

// Everything that can be seen, but for the numbers that must not be given again.
std::string dump(const Records& records) {
  std::string text;
  const SnapshotPtr snapshot = records.snapshot();
  for (const TenantRecordPtr& tenant : snapshot->tenants()) {
    TenantRecord visible = *tenant;
    visible.retired = {};
    text += tenant->name + " " + encodeTenant(visible);
    for (const FunctionRecordPtr& function : snapshot->functionsOf(tenant->name)) {
      text += function->name.toString() + " " + encodeFunction(*function);
      for (const VersionEntry& entry : function->versions) text += entry.version->identity.toHex() + "\n";
    }
  }
  return text;
}

// One change of the history that `seed` stands for, whatever is there.
Result<void> changeOnce(Records& records, std::uint64_t seed, int step) {
  std::mt19937_64 random(seed * 1'000 + static_cast<std::uint64_t>(step));
  const auto below = [&random](std::uint64_t most) { return random() % most; };
  const auto toVoid = [](const auto& result) -> Result<void> {
    if (result) return {};
    return fail(result.error());
  };
  const std::string tenant = step == 0 || below(3) == 0 ? "beta" : "acme";
  const FunctionName name{tenant, below(2) == 0 ? "cart" : "shop"};
  const auto number = static_cast<std::uint32_t>(1 + below(4));
  switch (step < 2 ? 0 : below(20)) {
    case 0: {
      TenantRecord created;
      created.name = tenant;
      return toVoid(records.createTenant(created));
    }
    case 1: {
      TenantRecord changed;
      changed.name = tenant;
      changed.hosts = {"h" + std::to_string(below(3)) + ".example.com"};
      return toVoid(records.updateTenant(changed));
    }
    case 2:
      return toVoid(records.deleteFunction(name));
    case 3:
      return toVoid(records.deleteTenant(tenant));
    case 4:
    case 8:
    case 9:
    case 10:
      return toVoid(records.change(name, [number](auto r) { return withReady(std::move(r), number); }));
    case 5:
      return toVoid(records.change(name, [number](auto r) { return withFailed(std::move(r), number, "broken"); }));
    case 6:
      return toVoid(records.change(name, [](auto r) { return withRollback(std::move(r)); }));
    case 7:
      return toVoid(
          records.change(name, [number](auto r) { return withoutVersions(std::move(r), std::array{number}); }));
    default: {
      Deployment deployment;
      deployment.name = name;
      deployment.manifest = "module = 'a.wasm'\n[env]\nA = '" + std::to_string(below(4)) + "'";
      deployment.module = Digest{sha256("module")};
      return toVoid(records.deploy(deployment, present));
    }
  }
}

// The highest number that each name had at any time.
using Highest = std::map<FunctionName, std::uint32_t>;
void note(const Records& records, Highest& highest) {
  for (const TenantRecordPtr& tenant : records.snapshot()->tenants()) {
    for (const FunctionRecordPtr& function : records.snapshot()->functionsOf(tenant->name)) {
      std::uint32_t& last = highest[function->name];
      last = std::max(last, function->versions.back().version->number);
    }
  }
}

// A function that is deployed anew under a name gets a number that this name never had.
void expectNewNumbers(Records& records, const Highest& highest) {
  for (const auto& [name, last] : highest) {
    if (records.snapshot()->tenant(name.tenant) == nullptr) {
      TenantRecord tenant;
      tenant.name = name.tenant;
      ASSERT_TRUE(records.createTenant(tenant));
    }
    if (records.snapshot()->function(name.tenant, name.function) != nullptr) {
      ASSERT_TRUE(records.deleteFunction(name));
    }
    Deployment deployment;
    deployment.name = name;
    deployment.module = Digest{sha256("another")};
    const auto deployed = records.deploy(deployment, present);
    ASSERT_TRUE(deployed) << deployed.error().message();
    EXPECT_GT(deployed->version->number, last) << name.toString();
  }
}

// On the disk is what the records name, and nothing else.
void expectNoRests(Disk& disk, const Records& records) {
  const SnapshotPtr snapshot = records.snapshot();
  EXPECT_EQ(disk.list("tenants")->size(), snapshot->tenants().size());
  EXPECT_EQ(disk.list("trash")->size(), 0u);
  for (const TenantRecordPtr& tenant : snapshot->tenants()) {
    const auto functions = snapshot->functionsOf(tenant->name);
    const auto folders = disk.list("functions/" + tenant->name);
    EXPECT_EQ(folders ? folders->size() : 0, functions.size());
    for (const FunctionRecordPtr& function : functions) {
      const std::string folder = "functions/" + function->name.toString();
      EXPECT_EQ(disk.list(folder)->size(), 2u);
      EXPECT_EQ(disk.list(folder + "/versions")->size(), function->versions.size());
    }
  }
}

// The undisturbed history: what can be seen before each change, and after the last.
struct History {
  std::vector<std::string> states;
  std::uint64_t disk_changes = 0;
};

History undisturbed(std::uint64_t seed) {
  SimulatedDisk disk;
  History history;
  auto records = openOn(disk);
  EXPECT_TRUE(records);
  history.states.push_back(dump(**records));
  for (int step = 0; step < kChangesOfAHistory; ++step) {
    static_cast<void>(changeOnce(**records, seed, step));
    history.states.push_back(dump(**records));
  }
  history.disk_changes = disk.changes();
  // Or it tests nothing.
  EXPECT_GT(history.disk_changes, 50u);
  return history;
}

// `power_seed`: how the power is lost; nothing: only the process is.
void stopAndLook(std::uint64_t seed, const History& history, std::uint64_t stop_at,
                 std::optional<std::uint64_t> power_seed) {
  SCOPED_TRACE("history " + std::to_string(seed) + ", stopped at change " + std::to_string(stop_at) +
               (power_seed ? ", power lost by " + std::to_string(*power_seed) : ", process killed"));
  SimulatedDisk disk;
  disk.stopAt(stop_at, seed + 7 * stop_at + power_seed.value_or(0));
  Highest highest;
  std::size_t answered = 0;  // changes that were
  {
    auto records = openOn(disk);
    for (int step = 0; records && step < kChangesOfAHistory; ++step) {
      note(**records, highest);
      static_cast<void>(changeOnce(**records, seed, step));
      if (disk.stopped()) break;
      ++answered;
    }
  }
  if (power_seed) {
    disk.losePower(*power_seed + 31 * stop_at);
  } else {
    disk.restartProcess();
  }
  auto records = openOn(disk);
  ASSERT_TRUE(records) << records.error().message();
  EXPECT_TRUE((*records)->problems().empty()) << (*records)->problems()[0].reason;
  const std::string found = dump(**records);
  const std::string& before = history.states[answered];
  const std::string& after = history.states[std::min(answered + 1, history.states.size() - 1)];
  EXPECT_TRUE(found == before || found == after) << "found:\n" << found << "before:\n" << before << "after:\n" << after;
  expectNoRests(disk, **records);
  expectNewNumbers(**records, highest);
}

class RecordsCrash : public testing::TestWithParam<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Histories, RecordsCrash, testing::Range<std::uint64_t>(1, 13));

TEST_P(RecordsCrash, KilledAtAnyCallNothingIsLostOrHalf) {
  const History history = undisturbed(GetParam());
  for (std::uint64_t at = 0; at < history.disk_changes && !HasFailure(); ++at) {
    stopAndLook(GetParam(), history, at, std::nullopt);
  }
}

TEST_P(RecordsCrash, WithoutPowerAtAnyCallNothingIsLostOrHalf) {
  const History history = undisturbed(GetParam());
  for (std::uint64_t at = 0; at < history.disk_changes && !HasFailure(); ++at) {
    for (std::uint64_t how = 0; how < 5 && !HasFailure(); ++how) stopAndLook(GetParam(), history, at, how);
  }
}

// The disk refuses one call. The change fails and shows nothing, or succeeds and shows all of it; the rest goes on, and
// a new start finds the same but for the change that failed, which may show.
TEST_P(RecordsCrash, AFailingCallFailsOneChange) {
  const std::uint64_t seed = GetParam();
  const History history = undisturbed(seed);
  for (std::uint64_t at = 0; at < history.disk_changes && !HasFailure(); ++at) {
    SCOPED_TRACE("history " + std::to_string(seed) + ", failing at change " + std::to_string(at));
    SimulatedDisk disk;
    disk.failAt(at, Error(ErrorCode::kExhausted, "the disk is full"));
    auto records = openOn(disk);
    if (!records) {
      EXPECT_EQ(records.error().code(), ErrorCode::kExhausted);
      continue;
    }
    for (int step = 0; step < kChangesOfAHistory; ++step) {
      const std::string before = dump(**records);
      const auto changed = changeOnce(**records, seed, step);
      if (changed || changed.error().code() != ErrorCode::kExhausted) continue;
      EXPECT_EQ(dump(**records), before);
      break;
    }
    const std::string seen = dump(**records);
    disk.restartProcess();
    auto again = openOn(disk);
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_TRUE((*again)->problems().empty());
    const std::string found = dump(**again);
    EXPECT_TRUE(found == seen || std::ranges::find(history.states, found) != history.states.end());
  }
}

}  // namespace
}  // namespace wasabi::platform
