// openListener(), connectToUnix() and listenerAddress() of server.h.
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include "http/server.h"
#include "http/socket_address.h"

namespace wasabi::http {

namespace {

constexpr int kBacklog = 4096;
constexpr std::string_view kUnixPrefix = "unix:";

Result<sockaddr_un> unixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(ErrorCode::kInvalid, "the path of a unix socket must have 1 to " +
                                         std::to_string(sizeof address.sun_path - 1) + " bytes; use a shorter one");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

FileDescriptor makeSocket(int family) {
  return FileDescriptor(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

const sockaddr* asSockaddr(const void* address) {
  return static_cast<const sockaddr*>(address);
}

// Somebody listens there still.
bool isLive(const sockaddr_un& address) {
  const FileDescriptor probe = makeSocket(AF_UNIX);
  if (::connect(probe.get(), asSockaddr(&address), sizeof address) == 0) return true;
  return errno == EAGAIN || errno == EINPROGRESS;
}

Result<FileDescriptor> listenOn(FileDescriptor socket, const void* address, socklen_t size) {
  if (::bind(socket.get(), asSockaddr(address), size) != 0) return fail(Error::fromErrno("bind", errno));
  if (::listen(socket.get(), kBacklog) != 0) return fail(Error::fromErrno("listen", errno));
  return socket;
}

Result<FileDescriptor> openUnix(const std::string& path) {
  const auto address = unixAddress(path);
  if (!address) return fail(address.error());
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) {
      return fail(ErrorCode::kConflict, "the path exists and is not a socket; remove it or use another one");
    }
    if (isLive(*address)) {
      return fail(ErrorCode::kConflict, "another process listens there; stop it or use another path");
    }
    ::unlink(path.c_str());
  }
  FileDescriptor socket = makeSocket(AF_UNIX);
  if (!socket.valid()) return fail(Error::fromErrno("socket", errno));
  return listenOn(std::move(socket), &*address, sizeof *address);
}

struct HostPort {
  std::string host;  // empty: all addresses
  std::string port;
};

Result<HostPort> splitHostPort(const std::string& text) {
  const auto bad = [] {
    return fail(ErrorCode::kInvalid, "expected 'host:port', '[ipv6]:port', ':port' or 'unix:/path'");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon + 1 == text.size()) return bad();
  HostPort parts{text.substr(0, colon), text.substr(colon + 1)};
  if (parts.port.find_first_not_of("0123456789") != std::string::npos || parts.port.size() > 5 ||
      std::stoul(parts.port) > 65535) {
    return fail(ErrorCode::kInvalid, "the port must be a number from 0 to 65535");
  }
  if (parts.host.starts_with('[')) {
    if (!parts.host.ends_with(']')) return bad();
    parts.host = parts.host.substr(1, parts.host.size() - 2);
  } else if (parts.host.find(':') != std::string::npos) {
    return bad();
  }
  return parts;
}

Result<FileDescriptor> openTcp(const HostPort& where, bool share_port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  // All addresses means those of IPv4: a socket for both families is not available everywhere.
  if (where.host.empty()) hints.ai_family = AF_INET;
  addrinfo* found = nullptr;
  const char* host = where.host.empty() ? nullptr : where.host.c_str();
  if (const int failure = ::getaddrinfo(host, where.port.c_str(), &hints, &found); failure != 0) {
    return fail(ErrorCode::kNotFound, std::string("the host is not known: ") + ::gai_strerror(failure));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
  FileDescriptor socket = makeSocket(found->ai_family);
  if (!socket.valid()) return fail(Error::fromErrno("socket", errno));
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // Whatever the default of the machine: "[::]" takes IPv4, too.
  const int off = 0;
  if (found->ai_family == AF_INET6 && ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) {
    return fail(Error::fromErrno("IPV6_V6ONLY", errno));
  }
  if (share_port && ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) {
    return fail(Error::fromErrno("SO_REUSEPORT", errno));
  }
  return listenOn(std::move(socket), found->ai_addr, found->ai_addrlen);
}

}  // namespace

Result<FileDescriptor> openListener(const ListenAddress& address) {
  const auto open = [&address]() -> Result<FileDescriptor> {
    if (address.text.starts_with(kUnixPrefix)) return openUnix(address.text.substr(kUnixPrefix.size()));
    auto where = splitHostPort(address.text);
    if (!where) return fail(std::move(where.error()));
    return openTcp(*where, address.share_port);
  };
  auto listener = open();
  if (!listener) return fail(std::move(listener.error()).within("cannot listen on '" + address.text + "'"));
  return listener;
}

Result<FileDescriptor> connectToUnix(const std::string& path) {
  const auto address = unixAddress(path);
  if (!address) return fail(address.error());
  FileDescriptor socket = makeSocket(AF_UNIX);
  if (!socket.valid() || ::connect(socket.get(), asSockaddr(&*address), sizeof *address) != 0) {
    return fail(Error::fromErrno("connect to " + path, errno));
  }
  return socket;
}

std::string listenerAddress(const FileDescriptor& listener) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return "";
  if (address.ss_family != AF_UNIX) return formatSocketAddress(address);
  sockaddr_un path{};
  std::memcpy(&path, &address, sizeof path);
  return std::string(kUnixPrefix) + path.sun_path;
}

}  // namespace wasabi::http
