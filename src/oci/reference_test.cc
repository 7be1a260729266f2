#include "oci/reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wasabi::oci {
namespace {

using testing::HasSubstr;

const std::string kHex(64, 'a');

std::string refusal(std::string_view text) {
  const auto parsed = parseReference(text);
  return parsed ? "accepted as " + toString(*parsed) : parsed.error().message();
}

TEST(Reference, TakesAllItsParts) {
  const auto parsed = parseReference("oci://Registry.example:5000/team/app:v1.2@sha256:" + kHex);
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->registry, "registry.example:5000");
  EXPECT_EQ(parsed->repository, "team/app");
  EXPECT_EQ(parsed->tag, "v1.2");
  EXPECT_EQ(toString(*parsed->digest), "sha256:" + kHex);
  EXPECT_EQ(parsed->manifestName(), "sha256:" + kHex);
  EXPECT_EQ(toString(*parsed), "oci://registry.example:5000/team/app:v1.2@sha256:" + kHex);
}

TEST(Reference, MeansLatestOnlyWithoutDigest) {
  EXPECT_EQ(parseReference("oci://host/app")->manifestName(), "latest");
  EXPECT_EQ(parseReference("oci://host/app@sha256:" + kHex)->tag, "");
}

TEST(Reference, NeedsNoSchemeWhereTheHostIsPlain) {
  EXPECT_EQ(parseReference("ghcr.io/a/b:1")->registry, "ghcr.io");
  EXPECT_EQ(parseReference("localhost/a")->registry, "localhost");
  EXPECT_EQ(parseReference("registry:5000/a")->registry, "registry:5000");
  EXPECT_EQ(parseReference("oci://registry/a")->registry, "registry");
  EXPECT_THAT(refusal("nginx"), HasSubstr("write docker.io/library/nginx"));
  EXPECT_THAT(refusal("team/app"), HasSubstr("write docker.io/team/app"));
}

TEST(Reference, KnowsDockerHub) {
  EXPECT_EQ(parseReference("docker.io/nginx")->repository, "library/nginx");
  EXPECT_EQ(parseReference("docker.io/team/app")->repository, "team/app");
  EXPECT_EQ(apiHost("docker.io"), "registry-1.docker.io");
  EXPECT_EQ(apiHost("host:1"), "host:1");
}

TEST(Reference, TakesAddresses) {
  EXPECT_EQ(parseReference("oci://[::1]:5000/a")->registry, "[::1]:5000");
  EXPECT_EQ(parseReference("oci://10.0.0.1/a")->registry, "10.0.0.1");
  EXPECT_THAT(refusal("oci://[::1/a"), HasSubstr("is no host name"));
}

TEST(Reference, SaysWhatIsWrong) {
  EXPECT_THAT(refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(refusal("oci://host"), HasSubstr("no repository is named"));
  EXPECT_THAT(refusal("oci://host/"), HasSubstr("no repository is named"));
  EXPECT_THAT(refusal("docker.io/"), HasSubstr("no repository is named"));
  EXPECT_THAT(refusal("docker://host/a"), HasSubstr("the scheme is 'oci', not 'docker'"));
  EXPECT_THAT(refusal("oci://host/App"), HasSubstr("has capital letters"));
  EXPECT_THAT(refusal("oci://host/a b"), HasSubstr("spaces"));
  EXPECT_THAT(refusal("oci://host/a//b"), HasSubstr("'' is no part"));
  EXPECT_THAT(refusal("oci://host/../b"), HasSubstr("'..' is no part"));
  EXPECT_THAT(refusal("oci://host/a:"), HasSubstr("behind the ':'"));
  EXPECT_THAT(refusal("oci://host/a:.x"), HasSubstr("'.x' is no tag"));
  EXPECT_THAT(refusal("oci://host/a:x/y"), HasSubstr("'x/y' is no tag"));
  EXPECT_THAT(refusal("oci://host:0/a"), HasSubstr("is no port"));
  EXPECT_THAT(refusal("oci://host:70000/a"), HasSubstr("is no port"));
  EXPECT_THAT(refusal("oci://host:/a"), HasSubstr("is no port"));
  EXPECT_THAT(refusal("oci://user@host/a"), HasSubstr("is no host name"));
  EXPECT_THAT(refusal("oci://host/a@sha256:12"), HasSubstr("64 hex digits, this one 2"));
  EXPECT_THAT(refusal("oci://host/a@sha512:" + kHex), HasSubstr("other algorithms"));
  EXPECT_THAT(refusal("oci://host/a@sha256:" + std::string(64, 'A')), HasSubstr("lower case"));
  EXPECT_THAT(refusal("oci://host/" + std::string(300, 'a')), HasSubstr("300 bytes of at most 255"));
  EXPECT_THAT(refusal("docker.io/" + std::string(250, 'a')), HasSubstr("258 bytes of at most 255"));
  EXPECT_THAT(refusal("oci://host/a:" + std::string(129, 'a')), HasSubstr("129 bytes of at most 128"));
}

TEST(Reference, NamesOfRepositoriesFollowTheSpecification) {
  for (const char* good : {"a", "a-b", "a--b", "a---b", "a_b", "a__b", "a.b", "0/1/2"}) {
    EXPECT_TRUE(parseReference(std::string("oci://h/") + good)) << good;
  }
  for (const char* bad : {"-a", "a-", "a..b", "a___b", "a._b", ".a", "a/", "/a", "a+b"}) {
    EXPECT_FALSE(parseReference(std::string("oci://h/") + bad)) << bad;
  }
}

TEST(Reference, LoopbackIsThisMachineOnly) {
  for (const char* own : {"localhost", "localhost:5000", "127.0.0.1:1", "127.9.9.9", "[::1]:5000"}) {
    EXPECT_TRUE(isLoopback(own)) << own;
  }
  for (const char* other : {"localhost.example", "127.0.0.1.example", "128.0.0.1", "[::2]", "a.localhost"}) {
    EXPECT_FALSE(isLoopback(other)) << other;
  }
}

}  // namespace
}  // namespace wasabi::oci
