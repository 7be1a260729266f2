#include "platform/secrets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/data_directory.h"
#include "platform/sealed_value.h"
#include "platform/simulated_disk.h"

namespace wasabi::platform {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class SecretsTest : public testing::Test {
 protected:
  SecretsTest() {
    EXPECT_TRUE(prepareDataDirectory(disk_, kDataFormat, {}));
    open();
  }
  void open() {
    auto opened = Secrets::open(disk_);
    ASSERT_TRUE(opened) << opened.error().message();
    secrets_ = std::move(*opened);
  }
  Result<void> set(const std::string& tenant, const std::string& name, std::string value) {
    return secrets_->set(tenant, name, SecretValue(std::move(value)), 7);
  }
  std::string get(const std::string& tenant, const std::string& name) {
    auto value = secrets_->get(tenant, name);
    return value ? std::string(value->reveal()) : value.error().message();
  }
  std::string stored() { return disk_.read("secrets/acme.json", 1 << 20).value(); }
  void store(const std::string& file, const std::string& text) {
    static_cast<void>(disk_.remove(file));
    ASSERT_TRUE(disk_.write(file, text, 0600));
  }

  SimulatedDisk disk_;
  std::unique_ptr<Secrets> secrets_;
};

TEST_F(SecretsTest, AreFoundAgain) {
  const std::string binary("\x01\xff\n\"", 4);
  ASSERT_TRUE(set("acme", "KEY", "open sesame"));
  ASSERT_TRUE(set("acme", "BINARY", binary));
  ASSERT_TRUE(set("acme", "EMPTY", ""));
  ASSERT_TRUE(set("acme", "KEY", "changed"));
  open();
  EXPECT_EQ(get("acme", "KEY"), "changed");
  EXPECT_EQ(get("acme", "BINARY"), binary);
  EXPECT_EQ(get("acme", "EMPTY"), "");
  EXPECT_THAT(get("beta", "KEY"), HasSubstr("beta has no secret KEY; set it by: wasabi secret set KEY"));
  EXPECT_THAT(secrets_->list("acme"), SizeIs(3));
  EXPECT_EQ(secrets_->list("acme")[2].name, "KEY");
  EXPECT_EQ(secrets_->list("acme")[2].set_ms, 7);
  EXPECT_TRUE(secrets_->has("acme", "KEY"));
  EXPECT_FALSE(secrets_->has("beta", "KEY"));
}

TEST_F(SecretsTest, AreNotReadableOnDisk) {
  ASSERT_TRUE(set("acme", "KEY", "open sesame"));
  const std::string first = stored();
  EXPECT_THAT(first, Not(HasSubstr("sesame")));
  EXPECT_THAT(first, Not(HasSubstr(toBase64("open sesame"))));
  // Another nonce each time.
  ASSERT_TRUE(set("acme", "KEY", "open sesame"));
  EXPECT_NE(stored(), first);
}

TEST_F(SecretsTest, OpenUnderNoOtherName) {
  ASSERT_TRUE(set("acme", "KEY", "mine"));
  std::string text = stored();
  text.replace(text.find("\"KEY\""), 5, "\"YEK\"");
  store("secrets/acme.json", text);
  open();
  EXPECT_THAT(get("acme", "YEK"), HasSubstr("does not open"));
  // A tenant's file is no other tenant's.
  store("secrets/beta.json", text);
  EXPECT_EQ(Secrets::open(disk_).error().code(), ErrorCode::kCorrupt);
}

TEST_F(SecretsTest, AnotherKeyIsSeenAtOnce) {
  ASSERT_TRUE(set("acme", "KEY", "mine"));
  store("keys/secret.key", std::string(32, 'k'));
  const auto opened = Secrets::open(disk_);
  EXPECT_EQ(opened.error().code(), ErrorCode::kCorrupt);
  EXPECT_THAT(opened.error().message(), HasSubstr("secrets/acme.json"));
  ASSERT_TRUE(disk_.remove("keys/secret.key"));
  EXPECT_THAT(Secrets::open(disk_).error().message(), HasSubstr("keys/secret.key is gone"));
  store("keys/secret.key", "short");
  EXPECT_THAT(Secrets::open(disk_).error().message(), HasSubstr("has 5 bytes and not 32"));
}

TEST_F(SecretsTest, GoWhenTheyAreRemoved) {
  ASSERT_TRUE(set("acme", "A", "1"));
  ASSERT_TRUE(set("acme", "B", "2"));
  ASSERT_TRUE(secrets_->remove("acme", "A"));
  EXPECT_EQ(secrets_->remove("acme", "A").error().code(), ErrorCode::kNotFound);
  open();
  EXPECT_FALSE(secrets_->has("acme", "A"));
  ASSERT_TRUE(secrets_->removeAllOf("acme"));
  ASSERT_TRUE(secrets_->removeAllOf("nobody"));
  open();
  EXPECT_THAT(secrets_->list("acme"), IsEmpty());
}

TEST_F(SecretsTest, HaveLimits) {
  EXPECT_FALSE(set("acme", "a-b", ""));
  EXPECT_FALSE(set("Acme", "A", ""));
  EXPECT_FALSE(set("acme", "A", std::string("a\0b", 3)));
  EXPECT_EQ(set("acme", "A", std::string(kMaxSecretBytes + 1, 'x')).error().code(), ErrorCode::kExhausted);
  EXPECT_TRUE(set("acme", "A", std::string(kMaxSecretBytes, 'x')));
  int taken = 1;
  while (set("acme", "A" + std::to_string(taken), std::string(kMaxSecretBytes, 'x'))) ++taken;
  EXPECT_EQ(taken, 15);
  for (std::size_t i = 0; i < kMaxSecretsOfTenant; ++i) ASSERT_TRUE(set("beta", "A" + std::to_string(i), "x"));
  EXPECT_EQ(set("beta", "B", "x").error().code(), ErrorCode::kExhausted);
  EXPECT_TRUE(set("beta", "A3", "y"));
}

TEST_F(SecretsTest, AFullDiskChangesNothing) {
  ASSERT_TRUE(set("acme", "A", "old"));
  disk_.failAt(disk_.changes(), Error(ErrorCode::kExhausted, "full"));
  EXPECT_FALSE(set("acme", "A", "new"));
  EXPECT_EQ(get("acme", "A"), "old");
}

TEST(SecretValue, LeavesNothingBehindWhenItMoves) {
  SecretValue first(std::string("short"));
  const SecretValue second(std::move(first));
  EXPECT_EQ(second.reveal(), "short");
  // NOLINTNEXTLINE(bugprone-use-after-move,clang-analyzer-cplusplus.Move): what is left is what is asked
  EXPECT_EQ(first.reveal(), "");
}

TEST(SealedValue, ABitThatChangedIsSeen) {
  const SecretValue key(std::string(kSealKeyBytes, 'k'));
  const std::string sealed = seal(key, "value", "acme/KEY").value();
  EXPECT_EQ(unseal(key, sealed, "acme/KEY")->reveal(), "value");
  EXPECT_FALSE(unseal(key, sealed, "acme/KEZ"));
  EXPECT_FALSE(unseal(SecretValue(std::string(kSealKeyBytes, 'l')), sealed, "acme/KEY"));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string damaged = sealed;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_FALSE(unseal(key, damaged, "acme/KEY")) << i;
    EXPECT_FALSE(unseal(key, sealed.substr(0, i), "acme/KEY")) << i;
  }
}

TEST(Base64, IsReadAsItWasWritten) {
  for (std::size_t size = 0; size < 20; ++size) {
    const std::string bytes = std::string("\x00\xff\x10zyxwvutsrqponmlkji", 20).substr(0, size);
    EXPECT_EQ(fromBase64(toBase64(bytes)), bytes) << size;
  }
  for (const char* wrong : {"a", "ab", "abc", "ab*d", "abcde"}) EXPECT_FALSE(fromBase64(wrong)) << wrong;
}

}  // namespace
}  // namespace wasabi::platform
