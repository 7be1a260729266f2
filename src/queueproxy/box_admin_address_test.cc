#include "queueproxy/box_admin_address.h"

#include <gtest/gtest.h>

namespace wasabi::queueproxy {
namespace {

TEST(BoxAdminAddressTest, IsAPortOfTheLoopbackOrASocket) {
  EXPECT_EQ(parseBoxAdminAddress("127.0.0.1:9000"), (BoxAdminAddress{{}, 9000}));
  EXPECT_EQ(parseBoxAdminAddress("unix:/run/box/admin.sock"), (BoxAdminAddress{"/run/box/admin.sock", 0}));
  for (const char* text : {"127.0.0.1:9000", "unix:/run/box/admin.sock"}) {
    EXPECT_EQ(toString(*parseBoxAdminAddress(text)), text);
  }
}

TEST(BoxAdminAddressTest, NothingElseWillDo) {
  for (const char* text : {"", "8081", ":8081", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536",
                           "127.0.0.1:8081x", "127.0.0.2:8081", "[::1]:8081", "localhost:8081", "10.0.0.1:8081",
                           "0.0.0.0:8081", "unix:", "unix:/", "unix:run/admin.sock"}) {
    EXPECT_FALSE(parseBoxAdminAddress(text)) << text;
  }
  EXPECT_FALSE(parseBoxAdminAddress("unix:/" + std::string(107, 'x')));
}

}  // namespace
}  // namespace wasabi::queueproxy
