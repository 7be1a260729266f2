#include "api/api_fixture.h"
#include "platform/test_support.h"

namespace wasabi::api {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kVersions = "/functions/acme/hello/versions";
const std::string kNowhere = "sha256:" + std::string(64, '0');

class DeployCallTest : public ApiTest {
 protected:
  std::string moduleOf(const std::string& content) { return "sha256:" + world_.upload(content).toHex(); }
  void refuses(const Json& body, std::uint16_t status, const std::string& words) {
    expectRefused({"POST", kVersions, world_.acmeToken(), body.dump()}, status, words);
  }
};

TEST_F(DeployCallTest, AModuleBecomesAVersionAndTheSameAgainNone) {
  const Json body = {{"module", moduleOf("one")}, {"manifest", "[limits]\nmemory = '32MiB'\n"}, {"source", "app.wasm"}};
  const TestAnswer first = world_.asAcme("POST", kVersions, body.dump());
  EXPECT_EQ(first.status, 202) << first.body;
  Json told = jsonOf(first);
  EXPECT_EQ(told["number"], 1);
  EXPECT_EQ(told["module"], body["module"]);
  EXPECT_EQ(told["memory_bytes"], 32 << 20);
  EXPECT_EQ(told["bytes"], 3);
  EXPECT_EQ(told["source"], "app.wasm");
  EXPECT_EQ(told["created_by"], "of acme");
  EXPECT_EQ(told["is_new"], true);
  EXPECT_EQ(told["url"], "http://here/acme/hello@1/");
  const TestAnswer again = world_.asAcme("POST", kVersions, body.dump());
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(jsonOf(again)["is_new"], false);
  EXPECT_EQ(world_.platform().snapshot()->function("acme", "hello")->versions.size(), 1u);
}

TEST_F(DeployCallTest, WithoutPromotionTheTrafficStays) {
  world_.deploy("hello", "one");
  const Json body = {{"module", moduleOf("two")}, {"promote", false}};
  EXPECT_EQ(jsonOf(world_.asAcme("POST", kVersions, body.dump()))["percent"], 0);
  EXPECT_EQ(world_.platform().snapshot()->function("acme", "hello")->traffic.toString(), "v1=100");
}

TEST_F(DeployCallTest, AModuleOfARegistryIsFetchedWithTheCredentialsThatCame) {
  const Json body = {{"oci", "oci://r.example/app:1"}, {"oci_username", "ada"}, {"oci_password", "open sesame"}};
  const TestAnswer answer = world_.asAcme("POST", kVersions, body.dump());
  EXPECT_EQ(answer.status, 202) << answer.body;
  EXPECT_THAT(jsonOf(answer)["source"].get<std::string>(), HasSubstr("oci://r.example/app:1@sha256:"));
  ASSERT_TRUE(world_.shown_credentials);
  EXPECT_EQ(world_.shown_credentials->secret, "open sesame");
  EXPECT_THAT(answer.body, Not(HasSubstr("sesame")));
}

TEST_F(DeployCallTest, WhatARegistryDoesNotHaveLeavesNoVersion) {
  const Json none = {{"oci", "oci://r.example/app:none"}, {"oci_username", "ada"}, {"oci_password", "open sesame"}};
  expectRefused({"POST", kVersions, world_.acmeToken(), none.dump()}, 404, "no such tag");
  refuses({{"oci", "oci://r.example/app:damaged"}}, 502, "what came has another digest");
  refuses({{"oci", "nginx"}}, 400, "oci://");
  refuses({{"oci", ""}}, 400, "oci://");
  refuses({{"oci", "oci://r.example/app:1"}, {"manifest", "nonsense = 1"}}, 400, "nonsense");
  expectRefused("POST", "/functions/nobody/hello/versions", R"({"oci": "oci://r.example/app:1"})", 404,
                "there is no tenant nobody");
}

TEST_F(DeployCallTest, OneThingIsDeployed) {
  const std::string module = moduleOf("one");
  const char* const kOne = "one of 'module', 'image' and 'oci' says what to deploy";
  refuses(Json::object(), 400, kOne);
  refuses({{"manifest", ""}}, 400, kOne);
  refuses({{"module", module}, {"image", module}}, 400, kOne);
  refuses({{"module", module}, {"oci", "oci://r.example/app:1"}}, 400, kOne);
  refuses({{"module", module}, {"oci_username", "a"}, {"oci_password", "b"}}, 400, "go with 'oci'");
  refuses({{"module", module}, {"oci_password", "b"}}, 400, "go with 'oci'");
  refuses({{"oci", "oci://r.example/app:1"}, {"oci_username", "a"}}, 400, "go together");
  refuses({{"oci", "oci://r.example/app:1"}, {"manifest", "image = 'oci://r.example/app:2'"}}, 400,
          "'oci' is oci://r.example/app:1, and the manifest names oci://r.example/app:2");
  refuses({{"module", module}, {"manifest", "image = 'oci://r.example/app:2'"}}, 400,
          "the manifest names an image, and a module came with it");
}

TEST_F(DeployCallTest, WhatIsDeployedHasToBeThere) {
  refuses({{"module", kNowhere}}, 404, "is not here (any more); send it again");
  refuses({{"image", kNowhere}, {"manifest", "image = 'app.tar'"}}, 404, "is not here (any more); send it again");
  refuses({{"module", moduleOf("one")}, {"files", kNowhere}}, 404, "directory of files sha256:");
  refuses({{"module", moduleOf("one")}, {"manifest", "secrets = ['KEY']"}}, 404,
          "acme has no secret KEY; set it by: wasabi secret set KEY");
  refuses({{"module", moduleOf("one")}, {"manifest", "files = 'public'"}}, 400, "which did not come with it");
  for (const char* digest : {"x", "sha256:", "sha256:12", "SHA256:0", "md5:0"}) {
    refuses({{"module", digest}}, 400, "");
    refuses({{"module", moduleOf("one")}, {"files", digest}}, 400, "");
    refuses({{"image", digest}}, 400, "");
  }
  refuses({{"module", "sha256:" + std::string(64, 'g')}}, 400, "");
}

TEST_F(DeployCallTest, WhatAManifestSaysWronglyIsToldWithItsLine) {
  const Json module = moduleOf("one");
  refuses({{"module", module}, {"manifest", "\n\nmemori = 1"}}, 400, "the manifest: line 3: ");
  refuses({{"module", module}, {"manifest", "[[["}}, 400, "the manifest: line 1: ");
  refuses({{"module", module}, {"manifest", "image = 'app.tar'"}}, 400,
          "the manifest names an image, and a module came");
  refuses({{"module", module}, {"manifest", "[[routes]]\nhost = 'shop.example.com'\npath = '/'"}}, 403,
          "shop.example.com");
  refuses({{"module", module}, {"source", std::string(5'000, 'x')}}, 400, "longer than 4096 bytes");
  refuses({{"module", module}, {"manifest", std::string(600'000, '#')}}, 400, "");
}

TEST_F(DeployCallTest, NamesOfFunctionsAreLabels) {
  const std::string body = Json({{"module", moduleOf("one")}}).dump();
  for (const char* name : {"Bad", "-x", "x-", "a_b", "%20", "..%2fother", "%ff", "hello@1"}) {
    expectRefused({"POST", fmt::format("/functions/acme/{}/versions", name), world_.acmeToken(), body}, 400,
                  "is not a name: 1 to 63 of a-z, 0-9 and '-'");
  }
  expectRefused("POST", "/functions/nobody/hello/versions", body, 404, "there is no tenant 'nobody'");
}

TEST_F(DeployCallTest, AQuotaThatIsReachedIsTold) {
  EXPECT_EQ(world_.asOperator("PATCH", "/tenants/acme", R"({"functions": 1, "stored_bytes": 5})").status, 200);
  world_.deploy("hello", "one");
  refuses({{"module", moduleOf("four")}}, 507, "and its quota is 5B; delete functions, or ask the operator for more");
  expectRefused({"POST", "/functions/acme/more/versions", world_.acmeToken(), Json({{"module", moduleOf("1")}}).dump()},
                507, "acme has 1 functions, as many as its quota allows");
}

}  // namespace
}  // namespace wasabi::api
