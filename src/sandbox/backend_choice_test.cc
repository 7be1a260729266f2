#include "sandbox/backend_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace wasabi::sandbox {
namespace {

using testing::HasSubstr;

class BackendChoiceTest : public ::testing::Test {
 protected:
  BackendChoiceTest() : directory_(::testing::TempDir() + "wasabi-choice-" + std::to_string(::getpid())) {}
  ~BackendChoiceTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  BackendConfig config(const std::string& wanted, const std::string& search_path) const {
    return {wanted, search_path, directory_, "/bin/true"};
  }
  const std::string directory_;
  std::string logged_;
  Logger log_{[this](std::string_view line) { logged_ += line; }};
};

TEST_F(BackendChoiceTest, WithoutARuntimeSuperpodsAreProcessesAndTheLogSaysWhy) {
  const auto backend = chooseBackend(config("auto", "/nowhere:relative"), log_);
  ASSERT_TRUE(backend) << backend.error().message();
  EXPECT_EQ((*backend)->name(), "process, without control groups");
  EXPECT_THAT(logged_, HasSubstr("install the package runc"));
  EXPECT_THAT(logged_, HasSubstr("install the package crun"));
}

TEST_F(BackendChoiceTest, ARuntimeThatFailsItsTrialIsNotTaken) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can start containers";
  std::filesystem::create_directories(directory_ + "-bin");
  std::filesystem::create_symlink("/bin/false", directory_ + "-bin/runc");
  const auto backend = chooseBackend(config("auto", directory_ + "-bin"), log_);
  std::filesystem::remove_all(directory_ + "-bin");
  ASSERT_TRUE(backend);
  EXPECT_EQ((*backend)->name(), "process, without control groups");
  EXPECT_THAT(logged_, HasSubstr("ended with 1"));
}

TEST_F(BackendChoiceTest, WhatWasAskedForByNameIsHadOrAnError) {
  const auto backend = chooseBackend(config("runc", "/nowhere"), log_);
  ASSERT_FALSE(backend);
  EXPECT_THAT(backend.error().message(), HasSubstr("install the package runc"));
}

TEST_F(BackendChoiceTest, AnUnknownNameIsAnErrorThatNamesTheOthers) {
  const auto backend = chooseBackend(config("docker", "/usr/bin"), log_);
  ASSERT_FALSE(backend);
  EXPECT_EQ(backend.error().code(), ErrorCode::kInvalid);
  EXPECT_THAT(backend.error().message(), HasSubstr("auto, process, runc, crun"));
}

TEST_F(BackendChoiceTest, ProgramsAreNotLookedForInThePresentDirectory) {
  EXPECT_EQ(findProgram("sh", "/nowhere:/bin"), "/bin/sh");
  EXPECT_EQ(findProgram("sh", ".:bin::"), "");
}

}  // namespace
}  // namespace wasabi::sandbox
