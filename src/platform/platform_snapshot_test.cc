#include "platform/platform_snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/test_allocations.h"
#include "platform/test_support.h"

namespace wasabi::platform {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

TenantTablePtr tableOf(TenantRecordPtr tenant, std::vector<FunctionRecordPtr> functions) {
  return std::make_shared<const TenantTable>(std::move(tenant), std::move(functions));
}

// "<tenant>/<function> <what is left of the path>", with "@n" for an address of a version; "-" for none.
std::string where(const std::optional<PlatformRoute>& route, std::string_view path) {
  if (!route) return "-";
  EXPECT_EQ(route->tenant->name, route->function->name.tenant);
  return route->function->name.toString() + (route->version ? "@" + std::to_string(*route->version) : "") + " " +
         std::string(path.substr(route->prefix_size));
}

class PlatformSnapshotRoutes : public testing::Test {
 protected:
  std::string route(std::string_view authority, std::string_view path) const {
    return where(snapshot_->route(authority, path), path);
  }

  SnapshotPtr snapshot_ = PlatformSnapshot::of(
      "fn.example.com",
      {tableOf(tenantMadeUp("acme", {"shop.example.com", "*.acme.org"}),
               {functionMadeUp("acme", "cart", "routes = [{ host = 'shop.example.com', path = '/cart' }]"),
                functionMadeUp("acme", "front",
                               "routes = [{ host = 'shop.example.com' }, { host = 'a.b.acme.org', path = '/x' }, "
                               "{ path = '/acme/cart/special' }]")}),
       tableOf(tenantMadeUp("beta"), {functionMadeUp("beta", "hello")})});
};

TEST_F(PlatformSnapshotRoutes, FunctionsHaveTheirOwnPath) {
  EXPECT_EQ(route("", "/acme/cart"), "acme/cart ");
  EXPECT_EQ(route("localhost:8080", "/acme/cart/7"), "acme/cart /7");
  EXPECT_EQ(route("127.0.0.1", "/beta/hello/"), "beta/hello /");
  EXPECT_EQ(route("", "/acme/cart/special/y"), "acme/front /y");
  for (const char* path :
       {"/", "/acme", "/acme/", "/acme/carts", "/acme/car", "/gamma/cart", "", "acme/cart", "//acme/cart"}) {
    EXPECT_EQ(route("", path), "-") << path;
  }
}

TEST_F(PlatformSnapshotRoutes, VersionsHaveAnAddressEach) {
  EXPECT_EQ(route("", "/acme/cart@3"), "acme/cart@3 ");
  EXPECT_EQ(route("", "/acme/cart@3/x"), "acme/cart@3 /x");
  EXPECT_EQ(route("", "/acme/cart/special@1"), "acme/cart /special@1");
  for (const char* path : {"/acme/cart@", "/acme/cart@0", "/acme/cart@03", "/acme/cart@3x", "/acme/cart@-1",
                           "/acme/cart@4294967296", "/acme/@1", "/acme/none@1", "/acme/cart@1@2"}) {
    EXPECT_EQ(route("", path), "-") << path;
  }
}

TEST_F(PlatformSnapshotRoutes, AGrantedHostIsItsTenantsAlone) {
  EXPECT_EQ(route("shop.example.com", "/cart/7"), "acme/cart /7");
  EXPECT_EQ(route("SHOP.Example.com.:443", "/carts"), "acme/front /carts");
  EXPECT_EQ(route("a.b.acme.org", "/x/1"), "acme/front /1");
  EXPECT_EQ(route("a.b.acme.org", "/acme/cart@2/y"), "acme/cart@2 /y");
  EXPECT_EQ(route("other.acme.org", "/acme/cart"), "acme/cart ");
  EXPECT_EQ(route("other.acme.org", "/beta/hello"), "-");
  EXPECT_EQ(route("a.b.acme.org", "/beta/hello"), "-");
  EXPECT_EQ(route("acme.org", "/beta/hello"), "beta/hello ");
}

TEST_F(PlatformSnapshotRoutes, NamesBelowTheBaseDomain) {
  EXPECT_EQ(route("cart.acme.fn.example.com", "/7"), "acme/cart /7");
  EXPECT_EQ(route("V12.Cart.acme.FN.example.com:80", "/"), "acme/cart@12 /");
  for (const char* host : {"acme.fn.example.com", "none.acme.fn.example.com", "v0.cart.acme.fn.example.com",
                           "vx.cart.acme.fn.example.com", "1.cart.acme.fn.example.com", "v01.cart.acme.fn.example.com",
                           "v1.v1.cart.acme.fn.example.com", ".cart.acme.fn.example.com", "..fn.example.com"}) {
    EXPECT_EQ(route(host, "/acme/cart"), "-") << host;
  }
  for (const char* host : {"fn.example.com", "front.acmexfn.example.com", "example.com"}) {
    EXPECT_EQ(route(host, "/acme/cart"), "acme/cart ") << host;
  }
}

TEST_F(PlatformSnapshotRoutes, FunctionsCallEachOtherByName) {
  EXPECT_EQ(where(snapshot_->routeInternal("cart.acme.internal"), "/"), "acme/cart /");
  EXPECT_EQ(where(snapshot_->routeInternal("Hello.beta.internal:80"), "/"), "beta/hello /");
  EXPECT_FALSE(snapshot_->routeInternal("cart.acme.fn.example.com"));
  EXPECT_FALSE(snapshot_->routeInternal("acme.internal"));
  EXPECT_FALSE(snapshot_->routeInternal("internal"));
  EXPECT_FALSE(snapshot_->routeInternal(""));
}

TEST_F(PlatformSnapshotRoutes, LookingUpAllocatesNothing) {
  const std::string long_path = "/acme/cart/" + std::string(5'000, 'x');
  const std::size_t before = catalog::allocationsSoFar();
  static_cast<void>(snapshot_->route("some-quite-long-name-of-a-host.acme.org", long_path));
  static_cast<void>(snapshot_->route("v12.cart.acme.fn.example.com", "/"));
  static_cast<void>(snapshot_->route(std::string_view(long_path), "/"));
  static_cast<void>(snapshot_->route("", "/acme/cart@3/x"));
  static_cast<void>(snapshot_->function("acme", "cart"));
  EXPECT_EQ(catalog::allocationsSoFar(), before);
}

TEST_F(PlatformSnapshotRoutes, NamesFindWhatTheyName) {
  ASSERT_NE(snapshot_->function("acme", "cart"), nullptr);
  EXPECT_EQ(snapshot_->function("acme", "cart")->name.function, "cart");
  EXPECT_EQ(snapshot_->function("acme", "cart/special"), nullptr);
  EXPECT_EQ(snapshot_->function("acme", std::string(500, 'x')), nullptr);
  EXPECT_EQ(snapshot_->function("none", "cart"), nullptr);
  EXPECT_NE(snapshot_->version({{"acme", "cart"}, 1}), nullptr);
  EXPECT_EQ(snapshot_->version({{"acme", "cart"}, 2}), nullptr);
  EXPECT_THAT(snapshot_->tenants(), SizeIs(2));
  EXPECT_EQ(snapshot_->functionCount(), 3u);
}

TEST_F(PlatformSnapshotRoutes, AChangeSharesWhatIsAsItWas) {
  const TenantTablePtr beta = snapshot_->table("beta");
  const SnapshotPtr next = snapshot_->with("beta", beta->with(functionMadeUp("beta", "more")));
  EXPECT_EQ(next->number(), snapshot_->number() + 1);
  EXPECT_EQ(next->functionCount(), 4u);
  EXPECT_EQ(next->table("acme"), snapshot_->table("acme"));
  EXPECT_NE(next->function("beta", "more"), nullptr);
  EXPECT_EQ(snapshot_->function("beta", "more"), nullptr);
  const SnapshotPtr moved = next->with("acme", next->table("acme")->with(tenantMadeUp("acme", {"new.example.com"})));
  EXPECT_EQ(where(moved->route("shop.example.com", "/acme/cart"), "/acme/cart"), "acme/cart ");
  EXPECT_EQ(where(moved->route("new.example.com", "/beta/hello"), "/beta/hello"), "-");
  EXPECT_EQ(where(moved->route("shop.example.com", "/beta/hello"), "/beta/hello"), "beta/hello ");
  const SnapshotPtr without = next->with("acme", nullptr);
  EXPECT_EQ(without->functionCount(), 2u);
  EXPECT_EQ(where(without->route("shop.example.com", "/cart"), "/cart"), "-");
  // Nobody's host any more.
  EXPECT_EQ(where(without->route("shop.example.com", "/beta/hello"), "/beta/hello"), "beta/hello ");
}

TEST(TenantTableRoutes, WhatATenantMayNotClaimIsAProblem) {
  const TenantTable table(tenantMadeUp("acme", {"shop.example.com"}),
                          {functionMadeUp("acme", "cart",
                                          "routes = [{ host = 'other.com' }, { path = '/api' }, { path = '/acmes/x' }, "
                                          "{ path = '/acme/cart@2' }, { path = '/acme/ok' }]")});
  ASSERT_THAT(table.problems(), SizeIs(4));
  EXPECT_EQ(table.problems()[0].file, "acme/cart@1");
  EXPECT_THAT(table.problems()[0].reason, HasSubstr("'other.com/': the host is not granted to acme"));
  EXPECT_THAT(table.problems()[1].reason, HasSubstr("without a host a route begins with /acme/"));
  EXPECT_THAT(table.problems()[3].reason, HasSubstr("are addresses of versions"));
  EXPECT_FALSE(table.routeOfAnyHost("/api"));
  EXPECT_TRUE(table.routeOfAnyHost("/acme/ok/1"));
}

TEST(TenantTableRoutes, WhatAnotherFunctionHasIsRefused) {
  const TenantTable table(tenantMadeUp("acme", {"a.com"}),
                          {functionMadeUp("acme", "one", "routes = [{ host = 'a.com', path = '/x' }]")});
  const auto check = [&table](const char* function, const char* host, const char* path) {
    return table.checkRoutes({"acme", function}, {{host, path}});
  };
  EXPECT_TRUE(check("one", "a.com", "/x"));
  EXPECT_TRUE(check("two", "a.com", "/"));
  EXPECT_TRUE(check("two", "a.com", "/x/y"));
  EXPECT_THAT(check("two", "a.com", "/x").error().message(), HasSubstr("route 'a.com/x' belongs to acme/one"));
  EXPECT_EQ(check("two", "", "/acme/one").error().code(), ErrorCode::kConflict);
  EXPECT_EQ(check("two", "b.com", "/").error().code(), ErrorCode::kDenied);
}

}  // namespace
}  // namespace wasabi::platform
