#include "deploy/module_puller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>

#include "deploy/test_fetch.h"
#include "oci/test_directory.h"
#include "platform/test_support.h"

namespace wasabi::deploy {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class ModulePullerTest : public ::testing::Test {
 protected:
  ModulePullerTest() {
    for (const char* folder : {"incoming", "modules"}) std::filesystem::create_directory(directory_.path(folder));
    blobs_ = std::move(*platform::Blobs::open(directory_.path()));
  }
  ~ModulePullerTest() override { EXPECT_TRUE(std::filesystem::is_empty(directory_.path("incoming"))); }

  std::future<Result<PulledModule>> pull(ModulePuller& puller, const std::string& reference = "oci://r.example/app:1") {
    auto promise = std::make_shared<std::promise<Result<PulledModule>>>();
    puller.pull({reference, oci::Credentials{"me", "secret"}},
                [promise](Result<PulledModule> pulled) { promise->set_value(std::move(pulled)); });
    return promise->get_future();
  }
  // Until it is cancelled.
  static Result<oci::PulledWasm> hang(const oci::TransferControl& control) {
    while (!control.stop.stop_requested()) std::this_thread::sleep_for(1ms);
    return fail(ErrorCode::kUnavailable, "cancelled");
  }

  oci::TestDirectory directory_;
  std::unique_ptr<platform::Blobs> blobs_;
};

TEST_F(ModulePullerTest, AModuleIsStoredByItsDigest) {
  ModulePuller puller(*blobs_,
                      [](const oci::Reference& reference, const auto& credentials, const auto& into, const auto&) {
                        EXPECT_EQ(reference.registry, "r.example");
                        EXPECT_EQ(credentials->username, "me");
                        return bringModule(into, "a module");
                      },
                      {});
  const auto pulled = pull(puller).get();
  ASSERT_TRUE(pulled) << pulled.error().message();
  EXPECT_TRUE(blobs_->has(platform::BlobKind::kModule, pulled->digest));
  EXPECT_EQ(pulled->source, "oci://r.example/app:1@" + oci::toString(oci::digestOf("manifest")));
  puller.stop();
}

TEST_F(ModulePullerTest, AModuleThatIsTooLargeIsNotKept) {
  PullLimits limits;
  limits.module = ByteSize{3};
  ModulePuller puller(
      *blobs_, [](const auto&, const auto&, const auto& into, const auto&) { return bringModule(into, "four"); },
      limits);
  EXPECT_EQ(pull(puller).get().error().code(), ErrorCode::kExhausted);
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path("modules")));
  puller.stop();
}

TEST_F(ModulePullerTest, WhatTakesTooLongIsCancelled) {
  PullLimits limits;
  limits.jobs.longest = 30ms;
  ModulePuller puller(
      *blobs_, [](const auto&, const auto&, const auto&, const auto& control) { return hang(control); }, limits);
  const auto pulled = pull(puller).get();
  EXPECT_EQ(pulled.error().code(), ErrorCode::kTimeout);
  EXPECT_THAT(pulled.error().message(), HasSubstr("r.example/app:1: not there after 30ms"));
  puller.stop();
}

TEST_F(ModulePullerTest, SoManyRunSoManyWaitAndTheEndTellsAll) {
  PullLimits limits;
  limits.jobs.threads = 1;
  limits.jobs.waiting = 1;
  std::promise<void> runs;
  ModulePuller puller(
      *blobs_,
      [&](const auto&, const auto&, const auto&, const auto& control) {
        runs.set_value();
        return hang(control);
      },
      limits);
  auto running = pull(puller);
  runs.get_future().wait();
  auto waiting = pull(puller);
  EXPECT_THAT(pull(puller).get().error().message(), HasSubstr("try again later"));
  puller.stop();
  for (auto* one : {&running, &waiting}) {
    const auto told = one->get();
    EXPECT_EQ(told.error().code(), ErrorCode::kUnavailable);
    EXPECT_THAT(told.error().message(), HasSubstr("server is ending"));
  }
  EXPECT_THAT(pull(puller).get().error().message(), HasSubstr("server is ending"));
}

TEST_F(ModulePullerTest, WhatIsNoReferenceIsRefusedAtOnce) {
  ModulePuller puller(*blobs_, [](const auto&, const auto&, const auto&, const auto& control) { return hang(control); },
                      {});
  auto pulled = pull(puller, "oci://Bad Name");
  ASSERT_EQ(pulled.wait_for(0s), std::future_status::ready);
  EXPECT_EQ(pulled.get().error().code(), ErrorCode::kInvalid);
}

}  // namespace
}  // namespace wasabi::deploy
