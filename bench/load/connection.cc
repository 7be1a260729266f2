#include "load/connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "flags.h"

namespace wasabi::bench {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Result<Address> unixAddress(std::string_view path) {
  Address address;
  auto& un = reinterpret_cast<sockaddr_un&>(address.storage);
  if (path.empty() || path.size() >= sizeof un.sun_path) {
    return fail(ErrorCode::kInvalid, "--target: a unix socket's path has 1 to 107 bytes");
  }
  un.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), un.sun_path);
  address.size = sizeof un;
  return address;
}

Result<Address> tcpAddress(const std::string& target) {
  const std::size_t colon = target.rfind(':');
  const std::string host = target.substr(0, colon);
  const auto port = parseNumber<std::uint16_t>(colon == std::string::npos ? "" : target.substr(colon + 1));
  Address address;
  auto& in = reinterpret_cast<sockaddr_in&>(address.storage);
  if (!port || inet_pton(AF_INET, host.c_str(), &in.sin_addr) != 1) {
    return fail(ErrorCode::kInvalid, "--target wants 127.0.0.1:PORT or unix:/path, not '" + target + "'");
  }
  in.sin_family = AF_INET;
  in.sin_port = htons(*port);
  address.size = sizeof in;
  return address;
}

Result<Address> parseTarget(const std::string& target) {
  if (target.starts_with(kUnixPrefix)) return unixAddress(std::string_view(target).substr(kUnixPrefix.size()));
  return tcpAddress(target);
}

Result<FileDescriptor> openSocket(const Options& options) {
  const Result<Address> address = parseTarget(options.target);
  if (!address) return fail(address.error());
  FileDescriptor socket(::socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail(Error::fromErrno("socket", errno));
  // A blocking connect with a bound: the loop stands still meanwhile, but what falls due is counted from its due time.
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(options.timeout);
  const timeval bound{.tv_sec = seconds.count(), .tv_usec = 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address->storage), address->size) != 0) {
    return fail(Error::fromErrno("connect to " + options.target, errno));
  }
  if (fcntl(socket.get(), F_SETFL, O_NONBLOCK) != 0) return fail(Error::fromErrno("fcntl", errno));
  const int on = 1;
  // Fails on unix sockets, which do not delay.
  static_cast<void>(setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  return socket;
}

}  // namespace

Result<std::unique_ptr<Connection>> connect(const Options& options, ExchangeSink& sink) {
  Result<FileDescriptor> socket = openSocket(options);
  if (!socket) return fail(std::move(socket).error());
  if (options.h2c) return makeHttp2Connection(*std::move(socket), options, sink);
  return makeHttp1Connection(*std::move(socket), options, sink);
}

const char* bodyBlock() {
  static const std::array<char, kBodyBlockBytes> block = [] {
    std::array<char, kBodyBlockBytes> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>('a' + i % 26);
    return bytes;
  }();
  return block.data();
}

}  // namespace wasabi::bench
