#include "box/accounts.h"

#include <gtest/gtest.h>

#include <optional>

namespace wasabi::box {
namespace {

TEST(AccountsTest, FunctionsOfATenantShareItsNumberAndNoOther) {
  Accounts accounts;
  const Accounts::Account a(accounts, {"acme", "a"});
  const Accounts::Account b(accounts, {"acme", "b"});
  const Accounts::Account other(accounts, {"globex", "a"});
  EXPECT_EQ(a.tenant(), b.tenant());
  EXPECT_NE(a.tenant(), other.tenant());
  EXPECT_NE(a.function(), b.function());
  EXPECT_NE(a.function(), other.function());
}

TEST(AccountsTest, NumbersComeBackWithTheLastHolder) {
  Accounts accounts;
  std::optional<Accounts::Account> a(std::in_place, accounts, FunctionName{"acme", "a"});
  std::optional<Accounts::Account> b(std::in_place, accounts, FunctionName{"acme", "b"});
  const policy::FunctionId number = a->function();
  const policy::TenantId tenant = a->tenant();
  a.reset();
  const Accounts::Account c(accounts, {"globex", "c"});
  EXPECT_EQ(c.function(), number);
  EXPECT_NE(c.tenant(), tenant);  // the tenant still has a function
  b.reset();
  const Accounts::Account d(accounts, {"initech", "d"});
  EXPECT_EQ(d.tenant(), tenant);
}

}  // namespace
}  // namespace wasabi::box
