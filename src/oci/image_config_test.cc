#include "oci/image_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "oci/image_user.h"
#include "oci/test_directory.h"

namespace wasabi::oci {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ImageConfigText, SaysHowToRun) {
  const auto parsed = parseImageConfig(R"({"os":"linux","architecture":"amd64","config":{
      "Entrypoint":["/app"],"Cmd":["-v"],"Env":["A=b","EMPTY="],"WorkingDir":"/w","User":"web:web",
      "ExposedPorts":{"53/udp":{},"8080/tcp":{},"9":{}},"StopSignal":"SIGINT","Labels":{"l":"v"}},
      "rootfs":{"type":"layers","diff_ids":[]}})");
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_THAT(parsed->command(), ElementsAre("/app", "-v"));
  EXPECT_THAT(parsed->env, ElementsAre("A=b", "EMPTY="));
  EXPECT_EQ(parsed->working_dir, "/w");
  EXPECT_EQ(parsed->user, "web:web");
  EXPECT_THAT(parsed->exposed_ports,
              ElementsAre(ExposedPort{53, PortProtocol::kUdp}, ExposedPort{8080, PortProtocol::kTcp},
                          ExposedPort{9, PortProtocol::kTcp}));
  EXPECT_EQ(parsed->stop_signal, "SIGINT");
  EXPECT_EQ(parsed->labels.at("l"), "v");
}

TEST(ImageConfigText, MayLeaveAllOut) {
  const auto parsed = parseImageConfig(R"({"config":{"Entrypoint":null,"ExposedPorts":null}})");
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->command().empty());
  EXPECT_TRUE(parseImageConfig("{}"));
}

TEST(ImageConfigText, Refused) {
  const auto why = [](std::string_view inner) {
    const auto parsed = parseImageConfig(R"({"config":{)" + std::string(inner) + "}}");
    return parsed ? std::string("accepted") : parsed.error().message();
  };
  EXPECT_THAT(why(R"("Env":["=x"])"), HasSubstr("not NAME=value"));
  EXPECT_THAT(why(R"("Env":["x"])"), HasSubstr("not NAME=value"));
  EXPECT_THAT(why(R"("Env":"A=b")"), HasSubstr("'Env' is no list"));
  EXPECT_THAT(why(R"("Cmd":["a\u0000b"])"), HasSubstr("NUL"));
  EXPECT_THAT(why(R"("User":"a\u0000b")"), HasSubstr("NUL"));
  EXPECT_THAT(why(R"("Cmd":[1])"), HasSubstr("'Cmd' has an entry"));
  EXPECT_THAT(why(R"("ExposedPorts":{"0/tcp":{}})"), HasSubstr("8080/tcp"));
  EXPECT_THAT(why(R"("ExposedPorts":{"80/xyz":{}})"), HasSubstr("8080/tcp"));
  EXPECT_THAT(why(R"("ExposedPorts":[])"), HasSubstr("is no object"));
  EXPECT_THAT(why(R"("Labels":{"a":1})"), HasSubstr("'Labels'"));
  EXPECT_FALSE(parseImageConfig(R"({"rootfs":{"diff_ids":["md5:1"]}})"));
}

TEST(ChainId, IsTheDigestOfAllBelow) {
  const Digest a = digestOf("a");
  const Digest b = digestOf("b");
  const Digest c = digestOf("c");
  EXPECT_EQ(chainId({a}), a);
  const Digest two = digestOf(toString(a) + ' ' + toString(b));
  EXPECT_EQ(chainId({a, b, c}), digestOf(toString(two) + ' ' + toString(c)));
}

class ImageUserTest : public testing::Test {
 protected:
  ImageUserTest() {
    directory_.write("etc/passwd", "root:x:0:0::/root:/bin/sh\nbroken\nweb:x:33:34::/:/bin/false\n7:x:70:71::/:\n");
    directory_.write("etc/group", "root:x:0:\nweb:x:34:\nlogs:x:50:other,web\nmore:x:51:web\nnot:x:52:webx\n");
    root_ = *openDirectory(directory_.path());
  }
  ImageUser user(std::string_view text) {
    auto resolved = resolveImageUser(root_.get(), text);
    EXPECT_TRUE(resolved) << resolved.error().message();
    return resolved ? *resolved : ImageUser{};
  }

  TestDirectory directory_;
  FileDescriptor root_;
};

TEST_F(ImageUserTest, NamesAndNumbers) {
  EXPECT_EQ(user(""), (ImageUser{0, 0, {}}));
  EXPECT_EQ(user("web"), (ImageUser{33, 34, {50, 51}}));
  EXPECT_EQ(user("33"), (ImageUser{33, 34, {50, 51}}));
  EXPECT_EQ(user("web:logs"), (ImageUser{33, 50, {}}));
  EXPECT_EQ(user("web:99"), (ImageUser{33, 99, {}}));
  EXPECT_EQ(user("1000"), (ImageUser{1000, 0, {}}));
  EXPECT_EQ(user("1000:1001"), (ImageUser{1000, 1001, {}}));
  EXPECT_EQ(user("7").uid, 7U);
}

TEST_F(ImageUserTest, Refused) {
  const auto why = [&](std::string_view text) { return messageOf(resolveImageUser(root_.get(), text)); };
  EXPECT_THAT(why("nobody"), HasSubstr("user 'nobody' is not in its /etc/passwd"));
  EXPECT_THAT(why("web:none"), HasSubstr("group 'none' is not in its /etc/group"));
  EXPECT_THAT(why("4294967295"), HasSubstr("is not in its /etc/passwd"));
  EXPECT_THAT(why("99999999999"), HasSubstr("is not in its /etc/passwd"));
}

TEST_F(ImageUserTest, LinksStayInTheImage) {
  TestDirectory other;
  other.write("passwd", "evil:x:666:666::/:\n");
  std::filesystem::remove(directory_.path("etc/passwd"));
  std::filesystem::create_symlink(other.path("passwd"), directory_.path("etc/passwd"));
  EXPECT_FALSE(resolveImageUser(root_.get(), "evil"));
  // Within the image a link is as good as a file.
  directory_.write("usr/passwd", "good:x:5:5::/:\n");
  std::filesystem::remove(directory_.path("etc/passwd"));
  std::filesystem::create_symlink("/usr/passwd", directory_.path("etc/passwd"));
  EXPECT_EQ(user("good").uid, 5U);
}

TEST_F(ImageUserTest, APipeKeepsNobodyWaiting) {
  std::filesystem::remove(directory_.path("etc/passwd"));
  ASSERT_EQ(mkfifo(directory_.path("etc/passwd").c_str(), 0600), 0);
  EXPECT_THAT(messageOf(resolveImageUser(root_.get(), "web")), HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace wasabi::oci
