#include "platform/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "platform/simulated_disk.h"

namespace wasabi::platform {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr std::int64_t kHour = 3'600'000;

class TokensTest : public testing::Test {
 protected:
  TokensTest() { open(); }
  void open() {
    auto opened = Tokens::open(disk_);
    ASSERT_TRUE(opened) << opened.error().message();
    tokens_ = std::move(*opened);
  }
  Tokens::Created create(const std::string& name, Role role, const std::string& tenant = "") {
    auto created = tokens_->create(name, role, tenant, 5);
    EXPECT_TRUE(created) << created.error().message();
    return std::move(*created);
  }

  SimulatedDisk disk_;
  std::unique_ptr<Tokens> tokens_;
};

TEST_F(TokensTest, OpenTheDoorTheyWereMadeFor) {
  const auto admin = create("admin", Role::kOperator);
  const auto tenant = create("ci of acme", Role::kTenant, "acme");
  EXPECT_THAT(admin.token, SizeIs(47));
  EXPECT_TRUE(admin.token.starts_with("wsb_"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(tokens_->authenticate(admin.token, 10)->role, Role::kOperator);
    const auto found = tokens_->authenticate(tenant.token, 10);
    EXPECT_EQ(found->id, tenant.info.id);
    EXPECT_EQ(found->role, Role::kTenant);
    EXPECT_EQ(found->tenant, "acme");
    open();
  }
}

TEST_F(TokensTest, NothingElseDoes) {
  const auto created = create("admin", Role::kOperator);
  std::string other = created.token;
  other.back() = other.back() == 'A' ? 'B' : 'A';
  for (const std::string& text : {std::string(), std::string("wsb_"), other, created.token + "A",
                                  created.token.substr(0, 46), created.info.id, std::string(1 << 20, 'a')}) {
    EXPECT_FALSE(tokens_->authenticate(text, 10)) << text.substr(0, 60);
  }
}

TEST_F(TokensTest, AreNotStored) {
  const auto created = create("admin", Role::kOperator);
  const std::string stored = disk_.read("tokens.json", 10'000).value();
  EXPECT_THAT(stored, Not(HasSubstr(created.token.substr(4, 20))));
  EXPECT_THAT(stored, HasSubstr(created.info.id));
}

TEST_F(TokensTest, AreDifferent) {
  std::set<std::string> seen;
  for (int i = 0; i < 50; ++i) {
    const auto created = create("t", Role::kOperator);
    seen.insert(created.token);
    seen.insert(created.info.id);
  }
  EXPECT_EQ(seen.size(), 100u);
}

TEST_F(TokensTest, OneTenantLeavesOthersTheirs) {
  for (std::size_t i = 0; i < kMaxTokensOfTenant; ++i) create("t", Role::kTenant, "acme");
  const auto more = tokens_->create("t", Role::kTenant, "acme", 5);
  EXPECT_EQ(more.error().code(), ErrorCode::kExhausted);
  EXPECT_THAT(more.error().message(), HasSubstr("acme has 100 tokens, as many as a tenant may have; revoke some"));
  create("t", Role::kTenant, "other");
  for (std::size_t i = 0; i <= kMaxTokensOfTenant; ++i) create("t", Role::kOperator);
  ASSERT_TRUE(tokens_->revokeAllOf("acme"));
  create("t", Role::kTenant, "acme");
}

TEST_F(TokensTest, RevokedOnesAreNoneAnyMore) {
  const auto first = create("a", Role::kTenant, "acme");
  const auto second = create("b", Role::kTenant, "acme");
  const auto other = create("c", Role::kTenant, "beta");
  ASSERT_TRUE(tokens_->revoke(first.info.id));
  EXPECT_FALSE(tokens_->authenticate(first.token, 10));
  EXPECT_EQ(tokens_->revoke(first.info.id).error().code(), ErrorCode::kNotFound);
  ASSERT_TRUE(tokens_->revokeAllOf("acme"));
  open();
  EXPECT_FALSE(tokens_->authenticate(second.token, 10));
  EXPECT_TRUE(tokens_->authenticate(other.token, 10));
}

TEST_F(TokensTest, LastUseIsKnownToTheHour) {
  const auto created = create("a", Role::kOperator);
  static_cast<void>(tokens_->authenticate(created.token, 3 * kHour + 7));
  EXPECT_EQ(tokens_->list().at(0).last_used_ms, 3 * kHour);
  const std::uint64_t changes = disk_.changes();
  ASSERT_TRUE(tokens_->flush());
  EXPECT_GT(disk_.changes(), changes);
  const std::uint64_t flushed = disk_.changes();
  static_cast<void>(tokens_->authenticate(created.token, 3 * kHour + 9));
  // A clock that jumps back takes nothing away.
  static_cast<void>(tokens_->authenticate(created.token, kHour));
  ASSERT_TRUE(tokens_->flush());
  EXPECT_EQ(disk_.changes(), flushed);
  open();
  EXPECT_EQ(tokens_->list().at(0).last_used_ms, 3 * kHour);
}

TEST_F(TokensTest, AskForWhatTheyNeed) {
  EXPECT_FALSE(tokens_->create("", Role::kOperator, "", 0));
  EXPECT_FALSE(tokens_->create(std::string(101, 'a'), Role::kOperator, "", 0));
  EXPECT_FALSE(tokens_->create("\xff", Role::kOperator, "", 0));
  EXPECT_FALSE(tokens_->create("a", Role::kTenant, "", 0));
  EXPECT_FALSE(tokens_->create("a", Role::kOperator, "acme", 0));
  EXPECT_THAT(tokens_->list(), IsEmpty());
}

TEST_F(TokensTest, AFullDiskMakesNone) {
  const auto created = create("a", Role::kOperator);
  disk_.failAt(disk_.changes(), Error(ErrorCode::kExhausted, "full"));
  EXPECT_EQ(tokens_->create("b", Role::kOperator, "", 0).error().code(), ErrorCode::kExhausted);
  EXPECT_THAT(tokens_->list(), SizeIs(1));
  EXPECT_TRUE(tokens_->authenticate(created.token, 0));
}

TEST_F(TokensTest, ADamagedFileIsAnError) {
  ASSERT_TRUE(disk_.write("tokens.json", R"({"tokens": [{"id": "x"}]})", 0600));
  EXPECT_EQ(Tokens::open(disk_).error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace wasabi::platform
