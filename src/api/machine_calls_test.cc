#include <filesystem>

#include "api/api_fixture.h"
#include "oci/test_image.h"
#include "platform/test_support.h"

namespace wasabi::api {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

namespace fs = std::filesystem;

std::vector<std::string> namesOf(const Json& object) {
  std::vector<std::string> names;
  for (const auto& entry : object.items()) names.push_back(entry.key());
  return names;
}

class MachineCallsTest : public ApiTest {};

TEST_F(MachineCallsTest, EachIsToldWhoItIs) {
  EXPECT_EQ(jsonOf(world_.asOperator("GET", "/whoami"))["role"], "operator");
  EXPECT_FALSE(jsonOf(world_.asOperator("GET", "/whoami")).contains("tenant"));
  EXPECT_EQ(jsonOf(world_.asAcme("GET", "/whoami"))["tenant"], "acme");
  EXPECT_EQ(jsonOf(world_.asAcme("GET", "/version"))["api"], "v1");
}

TEST_F(MachineCallsTest, WhatRunsTheFunctionsIsTheOperatorsToKnow) {
  MachineStatus& told = world_.machine.told;
  told.backend = "process";
  told.addresses = {"127.0.0.1:8080"};
  told.superpods.emplace_back().name = "superpod-1";
  for (const char* tenant : {"acme", "other"}) {
    MachineStatus::OfFunction function;
    function.name = {tenant, "hello"};
    function.requests = 7;
    told.functions.push_back(function);
    told.tenants.push_back({tenant, ByteSize{5}, std::nullopt, 1, 2});
    told.containers.emplace_back().version = {{tenant, "shop"}, 2};
  }
  told.tenants.back().memory = ByteSize{9};
  told.containers.back().last_end = "it ended with 3";
  told.containers.back().replicas.push_back({"container-1", "ready", 5, 4711, 1, 0.25, ByteSize{1000}, ByteSize{2000}});
  Json all = jsonOf(world_.asOperator("GET", "/status"));
  EXPECT_EQ(all["functions"].size(), 2u);
  EXPECT_EQ(all["superpods"][0]["name"], "superpod-1");
  EXPECT_EQ(all["containers"][1]["last_end"]["why"], "it ended with 3");
  EXPECT_EQ(all["containers"][1]["scaled_by"], "requests");
  const Json& replica = all["containers"][1]["replicas"][0];
  EXPECT_EQ(replica["cores_used"], 0.25);
  EXPECT_EQ(replica["memory_bytes"], 1000);
  EXPECT_EQ(replica["memory_peak_bytes"], 2000);
  EXPECT_EQ(all["tenants"][1],
            Json({{"name", "other"}, {"booked_bytes", 5}, {"running", 1}, {"waiting", 2}, {"memory_quota_bytes", 9}}));
  Json acme = jsonOf(world_.asAcme("GET", "/status"));
  EXPECT_THAT(namesOf(acme), testing::ElementsAre("up_seconds", "functions", "tenants", "containers"));
  ASSERT_EQ(acme["tenants"].size(), 1u);
  EXPECT_EQ(acme["tenants"][0]["name"], "acme");
  EXPECT_FALSE(acme["tenants"][0].contains("memory_quota_bytes"));
  ASSERT_EQ(acme["functions"].size(), 1u);
  EXPECT_EQ(acme["functions"][0]["name"], "acme/hello");
  ASSERT_EQ(acme["containers"].size(), 1u);
  EXPECT_EQ(acme["containers"][0]["version"], "acme/shop@2");
}

TEST_F(MachineCallsTest, MetricsAreText) {
  const TestAnswer answer = world_.asOperator("GET", "/metrics");
  EXPECT_EQ(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(answer.body, "wasabi_up 1\n");
}

class UploadTest : public ApiTest {
 protected:
  std::vector<std::string> incoming() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory_.path("data/incoming"))) names.push_back(entry.path());
    return names;
  }
};

TEST_F(UploadTest, AModuleIsFoundByItsDigest) {
  const TestAnswer answer = world_.call({"POST", "/uploads", world_.acmeToken(), "module", false, 2});
  EXPECT_EQ(answer.status, 201);
  const platform::Digest digest = platform::digestOf("module");
  EXPECT_EQ(jsonOf(answer), Json({{"digest", "sha256:" + digest.toHex()}, {"bytes", 6}}));
  EXPECT_TRUE(world_.platform().blobs().has(platform::BlobKind::kModule, digest));
  EXPECT_THAT(incoming(), IsEmpty());
}

TEST_F(UploadTest, FilesAndImagesAreFoundByTheirDigests) {
  const std::string files = oci::tarOf({oci::fileEntry("index.html", "<p>hello</p>")});
  const TestAnswer stored = world_.asAcme("POST", "/uploads?kind=files", files);
  EXPECT_EQ(stored.status, 201) << stored.body;
  EXPECT_EQ(jsonOf(stored)["bytes"], 12);
  EXPECT_EQ(world_.platform().blobs().list(platform::BlobKind::kFiles).size(), 1u);
  const std::string layer = oci::tarOf({oci::fileEntry("app", "program")});
  const std::string config = oci::configText({layer});
  const std::string manifest = R"([{"Config":"config.json","RepoTags":["app:1"],"Layers":["layer.tar"]}])";
  const TestAnswer image =
      world_.asAcme("POST", "/uploads?kind=image",
                    oci::tarOf({oci::fileEntry("config.json", config), oci::fileEntry("layer.tar", layer),
                                oci::fileEntry("manifest.json", manifest)}));
  EXPECT_EQ(image.status, 201) << image.body;
  EXPECT_EQ(world_.platform().blobs().list(platform::BlobKind::kImage).size(), 1u);
  EXPECT_THAT(incoming(), IsEmpty());
}

TEST_F(UploadTest, WhatCannotBeTakenIsRefusedForItsCause) {
  expectRefused("POST", "/uploads", "", 400, "the module is empty");
  expectRefused("POST", "/uploads?kind=files", "", 400, "the archive is empty");
  expectRefused("POST", "/uploads?kind=image", "", 400, "the archive is empty");
  for (const char* kind : {"x", "", "Module", "modul%65s"}) {
    expectRefused("POST", fmt::format("/uploads?kind={}", kind), "x", 400, "'kind' is module, files or image");
  }
  expectRefused("POST", "/uploads?kind=%zz", "x", 400, "the query has a '%' without two hex digits behind it");
  for (const char* kind : {"files", "image"}) {
    const std::string target = fmt::format("/uploads?kind={}", kind);
    expectRefused("POST", target, "this is no archive at all", 400, "");
    expectRefused("POST", target, std::string(100'000, '\xff'), 400, "");
    // One that breaks off, and one that leads out of itself.
    const std::string tar = oci::tarOf({oci::fileEntry("a", std::string(5'000, 'a'))});
    expectRefused("POST", target, tar.substr(0, 2'000), 400, "");
    expectRefused("POST", target, oci::packed(tar, oci::Packing::kGzip).substr(0, 40), 400, "");
  }
  expectRefused("POST", "/uploads?kind=files", oci::tarOf({oci::fileEntry("../x", "x")}), 400, "");
  const std::string manifest = R"([{"Config":"config.json","RepoTags":["app:1"],"Layers":["layer.tar"]}])";
  const std::string lacking = oci::tarOf({oci::fileEntry("manifest.json", manifest)});
  expectRefused("POST", "/uploads?kind=image", lacking, 400, "the archive lacks a file that it refers to");
  EXPECT_THAT(incoming(), IsEmpty());
}

// Where the server keeps what is nobody's to know.
TEST_F(UploadTest, RefusalsOfArchivesNameNoPlaceOfTheServer) {
  const std::string tar = oci::tarOf({oci::fileEntry("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"),
                                      oci::fileEntry("index.json", R"({"schemaVersion":2,"manifests":[]})")});
  for (const char* kind : {"files", "image"}) {
    for (const std::string& archive : {std::string("no archive"), tar.substr(0, 700), tar}) {
      const TestAnswer answer = world_.asAcme("POST", fmt::format("/uploads?kind={}", kind), archive);
      EXPECT_THAT(answer.body, Not(HasSubstr(directory_.path()))) << answer.body;
    }
  }
}

TEST_F(UploadTest, WhereContainersCannotRunNoImageIsTaken) {
  world_.containers.missing = "no runc here; install it";
  expectRefused("POST", "/uploads?kind=image", "x", 503, "no runc here; install it");
  EXPECT_EQ(world_.asAcme("POST", "/uploads", "x").status, 201);
}

TEST_F(UploadTest, OneThatIsCutLeavesNothing) {
  for (const char* kind : {"module", "files", "image"}) {
    const std::string before = world_.state();
    const auto exchange = world_.begin(
        {"POST", fmt::format("/uploads?kind={}", kind), world_.acmeToken(), std::string(1'000, 'x'), true, 10});
    ASSERT_TRUE(exchange->runUntil([&] { return exchange->bodyTaken() >= 500; }));
    EXPECT_NE(world_.state(), before);
    exchange->leave();
    EXPECT_EQ(world_.state(), before) << kind;
  }
}

class BackupCallTest : public ApiTest {};

TEST_F(BackupCallTest, ACopyIsMadeAndToldOf) {
  world_.deploy("hello", "one");
  const std::string to = directory_.path("copy");
  Json told = jsonOf(world_.asOperator("POST", "/backup", Json({{"to", to}}).dump()));
  EXPECT_EQ(told["functions"], 1);
  EXPECT_EQ(told["versions"], 1);
  EXPECT_TRUE(fs::exists(to + "/format"));
}

TEST_F(BackupCallTest, WhereItCannotGoIsTheCallersFault) {
  directory_.write("file", "");
  const auto to = [&](const std::string& name) { return Json({{"to", directory_.path(name)}}).dump(); };
  expectRefused("POST", "/backup", "{}", 400, "'to' is missing");
  expectRefused("POST", "/backup", R"({"to": 1})", 400, "'to' is no text");
  expectRefused("POST", "/backup", R"({"to": ""})", 400, "'to' is an absolute path on the machine that serves");
  expectRefused("POST", "/backup", R"({"to": "copy"})", 400, "'to' is an absolute path");
  expectRefused("POST", "/backup", to("data/copy"), 400, "in the data directory itself");
  expectRefused("POST", "/backup", to("file"), 409, "is there already; name a directory that is not");
  expectRefused("POST", "/backup", to("none/copy"), 404, "No such file or directory");
  expectRefused("POST", "/backup", to("file/copy"), 400, "Not a directory");
  expectRefused("POST", "/backup", to(std::string(300, 'x')), 400, "File name too long");
  expectRefused("POST", "/backup", to(std::string("a\0b", 3)), 400, "'to' has a NUL character in it");
  for (const auto& entry : fs::directory_iterator(directory_.path())) {
    EXPECT_THAT(entry.path().filename(), testing::AnyOf("data", "file"));
  }
}

}  // namespace
}  // namespace wasabi::api
