#include "platform/tenant_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wasabi::platform {
namespace {

using testing::HasSubstr;

TEST(TenantRecord, NamesAreLabelsThatMeanNothingElse) {
  EXPECT_TRUE(checkTenantName("acme-2"));
  for (const char* name : {"", "Acme", "a_b", "-a", "a/b", ".."}) EXPECT_FALSE(checkTenantName(name)) << name;
  for (const char* name : {"files", "internal", "modules"}) {
    EXPECT_THAT(checkTenantName(name).error().message(), HasSubstr("reserved")) << name;
  }
}

TEST(TenantRecord, GrantedHostsAreBroughtIntoOneForm) {
  EXPECT_EQ(normalizeGrantedHost("Shop.Example.com."), "shop.example.com");
  EXPECT_EQ(normalizeGrantedHost("*.Example.com"), "*.example.com");
  for (const char* host : {"*", "*.", "*.com", "a:80", "a/b", "", "*.*.example.com"}) {
    EXPECT_FALSE(normalizeGrantedHost(host)) << host;
  }
}

TEST(TenantRecord, AWildcardGrantsWhatIsBelowItAndNotItself) {
  EXPECT_TRUE(grants("shop.example.com", "shop.example.com"));
  EXPECT_TRUE(grants("*.example.com", "shop.example.com"));
  EXPECT_TRUE(grants("*.example.com", "a.b.example.com"));
  EXPECT_FALSE(grants("*.example.com", "example.com"));
  EXPECT_FALSE(grants("*.example.com", "notexample.com"));
  EXPECT_FALSE(grants("shop.example.com", "a.shop.example.com"));
}

TEST(TenantRecord, QuotasHaveRanges) {
  EXPECT_TRUE(checkQuotas({}));
  TenantQuotas quotas;
  quotas.cpu_weight = 0;
  EXPECT_THAT(checkQuotas(quotas).error().message(), HasSubstr("cpu_weight must be 0.01 to 1000"));
  quotas = {};
  quotas.request_rate = 0;
  EXPECT_FALSE(checkQuotas(quotas));
  quotas = {};
  quotas.concurrency = 0;
  EXPECT_FALSE(checkQuotas(quotas));
}

TEST(RetiredNumbers, GoOnWhereANameEnded) {
  RetiredNumbers retired;
  EXPECT_EQ(retired.next("a"), 1u);
  retired.retire("a", 8);
  retired.retire("a", 3);
  EXPECT_EQ(retired.next("a"), 8u);
  EXPECT_EQ(retired.next("b"), 1u);
  EXPECT_EQ(retired.nextOfAll(), 8u);
}

TEST(RetiredNumbers, ForgottenNamesBeginAboveAll) {
  RetiredNumbers retired;
  for (std::size_t i = 0; i <= RetiredNumbers::kMaxNames; ++i) {
    retired.retire("f" + std::to_string(i), static_cast<std::uint32_t>(2 + i % 50));
  }
  EXPECT_TRUE(retired.names().empty());
  EXPECT_EQ(retired.next("f3"), 51u);
  EXPECT_EQ(retired.next("new"), 51u);
}

}  // namespace
}  // namespace wasabi::platform
