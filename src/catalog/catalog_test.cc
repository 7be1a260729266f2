#include "catalog/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/test_allocations.h"

namespace wasabi::catalog {
namespace {

using testing::HasSubstr;

FunctionPtr function(const std::string& tenant, const std::string& name, std::vector<Route> routes = {}) {
  auto spec = std::make_shared<FunctionSpec>();
  spec->name = {tenant, name};
  spec->routes = std::move(routes);
  spec->manifest_file = tenant + "/" + name + ".toml";
  return spec;
}

// "<tenant>/<function> <rest of the path>", or "none".
std::string routed(const Catalog& catalog, std::string_view authority, std::string_view path) {
  const auto match = catalog.route(authority, path);
  if (!match) return "none";
  return match->function->name.toString() + " " + std::string(path.substr(match->prefix_size));
}

TEST(Catalog, EveryFunctionHasItsOwnPath) {
  const Catalog catalog({function("acme", "hello"), function("acme", "hell")}, {});
  EXPECT_EQ(routed(catalog, "any", "/acme/hello"), "acme/hello ");
  EXPECT_EQ(routed(catalog, "any", "/acme/hello/"), "acme/hello /");
  EXPECT_EQ(routed(catalog, "", "/acme/hello/x/y"), "acme/hello /x/y");
  EXPECT_EQ(routed(catalog, "", "/acme/hell/x"), "acme/hell /x");
  for (const char* other : {"", "/", "*", "/acme", "/acme/", "/acme/hellos", "/acme/hel", "//acme/hello",
                            "/acme//hello", "/Acme/hello", "acme/hello", "/acme/%68ello"}) {
    EXPECT_EQ(routed(catalog, "", other), "none") << other;
  }
}

TEST(Catalog, AnEmptyOneRoutesNothing) {
  const Catalog catalog({}, {});
  EXPECT_EQ(routed(catalog, "a", "/"), "none");
  EXPECT_EQ(routed(catalog, "a", "/a/b/c"), "none");
  EXPECT_EQ(catalog.find({"a", "b"}), nullptr);
}

TEST(Catalog, TheLongestPrefixWins) {
  const Catalog catalog({function("a", "root", {{"", "/"}}), function("a", "api", {{"", "/api"}}),
                         function("a", "deep", {{"", "/api/v1/items"}}), function("b", "f")},
                        {});
  EXPECT_TRUE(catalog.problems().empty());
  EXPECT_EQ(routed(catalog, "", "/"), "a/root /");
  EXPECT_EQ(routed(catalog, "", "/other/x"), "a/root /other/x");
  EXPECT_EQ(routed(catalog, "", "/apis"), "a/root /apis");
  EXPECT_EQ(routed(catalog, "", "/api"), "a/api ");
  EXPECT_EQ(routed(catalog, "", "/api/v1/item"), "a/api /v1/item");
  EXPECT_EQ(routed(catalog, "", "/api/v1/items/7"), "a/deep /7");
  EXPECT_EQ(routed(catalog, "", "/b/f/x"), "b/f /x");
  EXPECT_EQ(routed(catalog, "", "/api/v1/items" + std::string(100'000, '/')), "a/deep " + std::string(100'000, '/'));
}

TEST(Catalog, AHostsOwnRoutesComeFirst) {
  const Catalog catalog({function("a", "any", {{"", "/x/y"}}), function("a", "shop", {{"shop.example.com", "/"}}),
                         function("a", "cart", {{"shop.example.com", "/cart"}})},
                        {});
  EXPECT_EQ(routed(catalog, "shop.example.com", "/x/y"), "a/shop /x/y");
  EXPECT_EQ(routed(catalog, "SHOP.example.com.:8080", "/cart/1"), "a/cart /1");
  EXPECT_EQ(routed(catalog, "other.example.com", "/x/y/z"), "a/any /z");
  EXPECT_EQ(routed(catalog, "other.example.com", "/cart"), "none");
  EXPECT_EQ(routed(catalog, "xshop.example.com", "/cart"), "none");
  EXPECT_EQ(routed(catalog, "[::1]:80", "/x/y"), "a/any ");
  EXPECT_EQ(routed(catalog, "[::1]", "/x/y"), "a/any ");
  EXPECT_EQ(routed(catalog, "shop.example.com", "/a/any"), "a/shop /a/any");
}

TEST(Catalog, AHostFallsBackToTheRoutesOfAnyHost) {
  const Catalog catalog({function("a", "cart", {{"shop.example.com", "/cart"}}), function("a", "any", {{"", "/x"}})},
                        {});
  EXPECT_EQ(routed(catalog, "shop.example.com", "/x/1"), "a/any /1");
  EXPECT_EQ(routed(catalog, "shop.example.com", "/a/any"), "a/any ");
}

TEST(Catalog, AConflictNamesBothFilesAndNobodyGetsTheRoute) {
  const Catalog catalog(
      {function("a", "one", {{"h.example.com", "/x"}}), function("b", "two", {{"h.example.com", "/x"}})}, {});
  EXPECT_EQ(routed(catalog, "h.example.com", "/x"), "none");
  ASSERT_EQ(catalog.problems().size(), 2u);
  EXPECT_EQ(catalog.problems()[0].file, "a/one.toml");
  EXPECT_EQ(catalog.problems()[0].reason, "route 'h.example.com/x' is also claimed by b/two.toml");
  EXPECT_EQ(catalog.problems()[1].file, "b/two.toml");
  EXPECT_EQ(catalog.problems()[1].reason, "route 'h.example.com/x' is also claimed by a/one.toml");
  EXPECT_EQ(routed(catalog, "", "/a/one"), "a/one ");
}

TEST(Catalog, TheSameRouteTwiceInOneManifestIsNoConflict) {
  const Catalog catalog({function("a", "one", {{"", "/x"}, {"", "/x"}, {"", "/a/one"}})}, {});
  EXPECT_TRUE(catalog.problems().empty());
  EXPECT_EQ(routed(catalog, "", "/x"), "a/one ");
  EXPECT_EQ(routed(catalog, "", "/a/one"), "a/one ");
}

TEST(Catalog, NobodyTakesAFunctionsOwnPath) {
  const Catalog catalog({function("a", "one"), function("a", "thief", {{"", "/a/one"}})}, {});
  EXPECT_EQ(routed(catalog, "", "/a/one"), "a/one ");
  ASSERT_EQ(catalog.problems().size(), 1u);
  EXPECT_EQ(catalog.problems()[0].file, "a/thief.toml");
  EXPECT_THAT(catalog.problems()[0].reason, HasSubstr("is the own path of the function in a/one.toml"));
}

TEST(Catalog, NobodyRoutesUnderTheNameOfAnotherTenant) {
  const Catalog catalog(
      {function("a", "one"), function("b", "thief", {{"", "/a/one/login"}, {"", "/a"}, {"own.example.com", "/a"}})},
      {});
  EXPECT_EQ(routed(catalog, "", "/a/one/login"), "a/one /login");
  EXPECT_EQ(routed(catalog, "", "/a/x"), "none");
  EXPECT_EQ(routed(catalog, "own.example.com", "/a/x"), "b/thief /x");
  ASSERT_EQ(catalog.problems().size(), 2u);
  EXPECT_THAT(catalog.problems()[0].reason, HasSubstr("name of another tenant"));
}

TEST(Catalog, KeepsTheProblemsOfItsReading) {
  const Catalog catalog({}, {{"x.toml", 3, "wrong"}});
  EXPECT_THAT(catalog.problems(), testing::ElementsAre(CatalogProblem{"x.toml", 3, "wrong"}));
}

TEST(Catalog, TenThousandFunctionsAreFoundWithoutAllocating) {
  std::vector<FunctionPtr> functions;
  for (int i = 0; i < 10'000; ++i) {
    const std::string number = std::to_string(i);
    functions.push_back(function("tenant-" + std::to_string(i % 100), "function-" + number,
                                 {{"host-" + number + ".example.com", "/x"}, {"", "/p/" + number}}));
  }
  const Catalog catalog(functions, {});
  EXPECT_TRUE(catalog.problems().empty());
  int wrong = 0;
  std::size_t allocated = 0;
  for (int i = 0; i < 10'000; ++i) {
    const FunctionSpec& spec = *functions[static_cast<std::size_t>(i)];
    const std::string own = "/" + spec.name.toString() + "/rest";
    const std::string host = "Host-" + std::to_string(i) + ".example.com:80";
    const std::string prefix = "/p/" + std::to_string(i);
    const std::size_t before = allocationsSoFar();
    const auto by_path = catalog.route("", own);
    const auto by_host = catalog.route(host, "/x/y");
    const auto by_prefix = catalog.route(host, prefix);
    allocated += allocationsSoFar() - before;
    for (const auto& match : {by_path, by_host, by_prefix}) wrong += !match || match->function.get() != &spec;
    wrong += catalog.find(spec.name).get() != &spec;
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(allocated, 0u);
}

}  // namespace
}  // namespace wasabi::catalog
