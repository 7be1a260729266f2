#include "base/admin_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace wasabi {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr uid_t kSomebody = 4711;

class AdminAddressTest : public testing::Test {
 protected:
  AdminAddressTest() {
    std::string path = (fs::temp_directory_path() / "wasabi-admin-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp");
    root_ = path;
    for (const char* name : {"user", "run", "tmp"}) fs::create_directory(root_ / name);
    places_.runtime_directory = root_ / "user";
    places_.system_directory = root_ / "run";
    places_.temporary_directory = root_ / "tmp";
    places_.user = ::geteuid();
  }
  ~AdminAddressTest() override { fs::remove_all(root_); }

  std::string in(const char* rest) const { return "unix:" + (root_ / rest).string(); }

  fs::path root_;
  AdminPlaces places_;
};

TEST_F(AdminAddressTest, LiesInTheUsersRuntimeDirectoryInAPrivateFolder) {
  EXPECT_EQ(usualAdminAddress("127.0.0.1:8080", places_).value(), in("user/wasabi/127.0.0.1:8080.sock"));
  struct stat status{};
  ASSERT_EQ(::stat((root_ / "user/wasabi").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(AdminAddressTest, NoTwoListenersHaveOneAdminAddress) {
  EXPECT_NE(usualAdminAddress("127.0.0.1:8080", places_).value(), usualAdminAddress("127.0.0.2:8080", places_).value());
  EXPECT_EQ(usualAdminAddress("[::1]:8080", places_).value(), in("user/wasabi/[::1]:8080.sock"));
}

TEST_F(AdminAddressTest, LiesBesideAUnixListener) {
  EXPECT_EQ(usualAdminAddress("unix:/srv/box.sock", places_).value(), "unix:/srv/box.sock.admin");
  EXPECT_FALSE(fs::exists(root_ / "user/wasabi"));
}

TEST_F(AdminAddressTest, ARuntimeDirectoryThatIsMissingRelativeOrAnothersIsPassedOver) {
  const std::string fallback = places_.user == 0 ? "run/wasabi" : "tmp/wasabi-" + std::to_string(places_.user);
  const std::string expected = in((fallback + "/127.0.0.1:80.sock").c_str());
  for (const char* directory : {"", ".", "/nowhere/at/all"}) {
    places_.runtime_directory = directory;
    EXPECT_EQ(usualAdminAddress("127.0.0.1:80", places_).value(), expected) << directory;
  }
}

TEST_F(AdminAddressTest, AFolderThatOthersHoldIsRefused) {
  places_.user = kSomebody;  // nothing here belongs to him
  fs::create_directory(root_ / ("tmp/wasabi-" + std::to_string(kSomebody)));
  auto address = usualAdminAddress("127.0.0.1:80", places_);
  ASSERT_FALSE(address);
  EXPECT_EQ(address.error().code(), ErrorCode::kDenied);
}

TEST_F(AdminAddressTest, AFolderThatOthersMayWriteOrALinkIsRefused) {
  fs::create_directory(root_ / "user/wasabi");
  ::chmod((root_ / "user/wasabi").c_str(), 0777);
  EXPECT_FALSE(usualAdminAddress("127.0.0.1:80", places_));
  fs::remove(root_ / "user/wasabi");
  fs::create_symlink(root_ / "tmp", root_ / "user/wasabi");
  EXPECT_FALSE(usualAdminAddress("127.0.0.1:80", places_));
}

TEST_F(AdminAddressTest, AFolderThatCannotBeMadeIsNamed) {
  places_.runtime_directory = "/proc";  // nobody makes folders there
  places_.user = 0;
  auto address = usualAdminAddress("127.0.0.1:80", places_);
  ASSERT_FALSE(address);
  EXPECT_THAT(address.error().message(), HasSubstr("/proc/wasabi"));
}

}  // namespace
}  // namespace wasabi
