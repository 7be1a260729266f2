// Where a box listens for those who may control it.
#pragma once

#include <string_view>

namespace wasabi::queueproxy {

// "127.0.0.1:8081", "[::1]:8081" or "unix:/path". Nobody is asked there who he is, so no other address will do.
bool isBoxAdminAddress(std::string_view text);

}  // namespace wasabi::queueproxy
