#include "box/function_table.h"

#include <gtest/gtest.h>

namespace wasabi::box {
namespace {

catalog::FunctionPtr function(std::string name) {
  auto spec = std::make_shared<catalog::FunctionSpec>();
  spec->name = {"t", std::move(name)};
  return spec;
}

FunctionTablePtr table(Accounts& accounts, std::vector<catalog::FunctionPtr> functions,
                       const FunctionTable* previous = nullptr) {
  auto catalog = std::make_shared<const catalog::Catalog>(std::move(functions), std::vector<catalog::CatalogProblem>{});
  return std::make_shared<const FunctionTable>(std::move(catalog), accounts, previous);
}

TEST(FunctionTableTest, ANewVersionKeepsTheAccount) {
  Accounts accounts;
  const auto before = table(accounts, {function("a")});
  const auto after = table(accounts, {function("a"), function("b")}, before.get());
  const auto& load = before->route("", "/t/a")->deployment->load;
  EXPECT_EQ(after->route("", "/t/a")->deployment->load, load);
  EXPECT_EQ(after->route("", "/t/a")->deployment->code, policy::Admission::Code::kSame);
  EXPECT_EQ(after->route("", "/t/b")->deployment->code, policy::Admission::Code::kOther);
  EXPECT_NE(after->route("", "/t/b")->deployment->load->account.function(), load->account.function());
}

TEST(FunctionTableTest, SaysThatAVersionRunsOtherCode) {
  Accounts accounts;
  const auto before = table(accounts, {function("a")});
  auto changed = std::make_shared<catalog::FunctionSpec>(*function("a"));
  changed->module.bytes[0] = 1;
  const auto after = table(accounts, {changed}, before.get());
  EXPECT_EQ(after->route("", "/t/a")->deployment->code, policy::Admission::Code::kOther);
}

TEST(FunctionTableTest, KnowsItsOwnVersionsOnly) {
  Accounts accounts;
  const auto a = function("a");
  const auto functions = table(accounts, {a});
  EXPECT_TRUE(functions->holds(*a));
  EXPECT_FALSE(functions->holds(*function("a")));
  EXPECT_FALSE(functions->route("", "/t/b").has_value());
}

}  // namespace
}  // namespace wasabi::box
