// Socket addresses as text.
#pragma once

#include <sys/socket.h>

#include <string>

namespace wasabi::http {

// "1.2.3.4:567" or "[::1]:567"; empty for other families. An IPv4 address that came by a socket for both families is
// written as what it is.
std::string formatSocketAddress(const sockaddr_storage& address);

}  // namespace wasabi::http
