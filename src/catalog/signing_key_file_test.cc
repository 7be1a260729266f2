#include "catalog/signing_key_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <vector>

#include "catalog/test_directory.h"

namespace wasabi::catalog {
namespace {

using testing::HasSubstr;

TEST(SigningKeyFile, IsMadeOnceForItsOwnerOnly) {
  TestDirectory directory;
  const auto made = loadOrCreateSigningKey(directory.path("key"));
  ASSERT_TRUE(made) << made.error().message();
  struct stat status{};
  ASSERT_EQ(stat(directory.path("key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  const auto loaded = loadOrCreateSigningKey(directory.path("key"));
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->verifyKey(), made->verifyKey());
  EXPECT_TRUE(isSignedBy(made->verifyKey(), "text", loaded->sign("text")));
  EXPECT_FALSE(isSignedBy(made->verifyKey(), "texT", loaded->sign("text")));
  EXPECT_EQ(parseVerifyKey(readWholeFile(directory.path("key.pub"))), made->verifyKey());
  const auto files = std::filesystem::directory_iterator(directory.path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 2);
}

TEST(SigningKeyFile, AKeyThatOthersMayReadIsRefused) {
  TestDirectory directory;
  ASSERT_TRUE(loadOrCreateSigningKey(directory.path("key")));
  std::filesystem::permissions(directory.path("key"), std::filesystem::perms(0640));
  const auto refused = loadOrCreateSigningKey(directory.path("key"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kDenied);
  EXPECT_THAT(refused.error().message(), HasSubstr("mode 0640"));
  EXPECT_THAT(refused.error().message(), HasSubstr("chmod 600 " + directory.path("key")));
}

TEST(SigningKeyFile, WhatIsNotAKeyIsRefusedAndKept) {
  TestDirectory directory;
  for (const char* content : {"", "hello", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                              "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"}) {
    directory.write("key", content);
    std::filesystem::permissions(directory.path("key"), std::filesystem::perms(0600));
    const auto refused = loadOrCreateSigningKey(directory.path("key"));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), HasSubstr("Ed25519"));
    EXPECT_EQ(readWholeFile(directory.path("key")), content);
  }
  std::filesystem::create_symlink(directory.path("key"), directory.path("link"));
  EXPECT_FALSE(loadOrCreateSigningKey(directory.path("link")));
  EXPECT_THAT(loadOrCreateSigningKey(directory.path("none/key")).error().message(), HasSubstr("No such file"));
}

TEST(SigningKeyFile, AllWhoMakeItAtOnceGetTheSame) {
  TestDirectory directory;
  constexpr int kProcesses = 8;
  std::vector<pid_t> processes;
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t process = fork();
    if (process == 0) {
      const auto key = loadOrCreateSigningKey(directory.path("key"));
      if (key) directory.write("seen/" + std::to_string(i), key->publicPem());
      _exit(key ? 0 : 1);
    }
    processes.push_back(process);
  }
  for (pid_t process : processes) {
    int status = -1;
    waitpid(process, &status, 0);
    EXPECT_EQ(status, 0);
  }
  std::set<std::string> keys;
  for (int i = 0; i < kProcesses; ++i) keys.insert(readWholeFile(directory.path("seen/" + std::to_string(i))));
  EXPECT_EQ(keys.size(), 1u);
  EXPECT_TRUE(parseVerifyKey(*keys.begin()));
}

}  // namespace
}  // namespace wasabi::catalog
