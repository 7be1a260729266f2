#include "box/function_table.h"

#include <gtest/gtest.h>

namespace wasabi::box {
namespace {

catalog::FunctionPtr function(std::string name, std::uint32_t concurrency) {
  auto spec = std::make_shared<catalog::FunctionSpec>();
  spec->name = {"t", std::move(name)};
  spec->limits.concurrency = concurrency;
  return spec;
}

FunctionTablePtr table(Accounts& accounts, std::vector<catalog::FunctionPtr> functions,
                       const FunctionTable* previous = nullptr) {
  auto catalog = std::make_shared<const catalog::Catalog>(std::move(functions), std::vector<catalog::CatalogProblem>{});
  return std::make_shared<const FunctionTable>(std::move(catalog), accounts, previous);
}

TEST(ConcurrencyPlaceTest, PlacesAreLimitedAndComeBack) {
  Accounts accounts;
  const auto functions = table(accounts, {function("a", 2)});
  const Deployment deployment = *functions->route("", "/t/a")->deployment;
  auto first = ConcurrencyPlace::take(deployment);
  auto second = ConcurrencyPlace::take(deployment);
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(ConcurrencyPlace::take(deployment));
  first.reset();
  EXPECT_TRUE(ConcurrencyPlace::take(deployment));
}

TEST(FunctionTableTest, ANewVersionInheritsTheLiveCount) {
  Accounts accounts;
  const auto before = table(accounts, {function("a", 1)});
  auto place = ConcurrencyPlace::take(*before->route("", "/t/a")->deployment);
  ASSERT_TRUE(place);
  const auto after = table(accounts, {function("a", 1)}, before.get());
  EXPECT_FALSE(ConcurrencyPlace::take(*after->route("", "/t/a")->deployment));
  place.reset();
  EXPECT_TRUE(ConcurrencyPlace::take(*after->route("", "/t/a")->deployment));
}

TEST(FunctionTableTest, KnowsItsOwnVersionsOnly) {
  Accounts accounts;
  const auto a = function("a", 1);
  const auto functions = table(accounts, {a});
  EXPECT_TRUE(functions->holds(*a));
  EXPECT_FALSE(functions->holds(*function("a", 1)));
  EXPECT_FALSE(functions->route("", "/t/b").has_value());
}

}  // namespace
}  // namespace wasabi::box
